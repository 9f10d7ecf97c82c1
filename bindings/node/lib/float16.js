'use strict';
// float16 and bfloat16 as the 16 bits of their encodings.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The nearest float16, ties to even; beyond its range infinity. */
function encode(value) {
  float[0] = value;
  const sign = (bits[0] >>> 16) & 0x8000;
  const magnitude = bits[0] & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // From here on, the next float16 above the greatest would be nearer, or as near.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  const exponent = magnitude >>> 23;
  if (exponent >= 113) {
    const rebased = magnitude - (112 << 23);
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  if (exponent < 102) return sign;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - exponent;
  const kept = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1)) ? 1 : 0));
}

function decode(code) {
  const sign = code & 0x8000 ? -1 : 1;
  const exponent = (code >>> 10) & 0x1f;
  const mantissa = code & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa ? NaN : sign * Infinity;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

let decoded;

/** Floats as float16: the nearest, ties to even. */
function toFloat16(values) {
  return Uint16Array.from(values, encode);
}

/** float16 as floats. */
function fromFloat16(codes) {
  decoded = decoded || Float32Array.from({length: 65536}, (_, code) => decode(code));
  const out = new Float32Array(codes.length);
  for (let i = 0; i < out.length; ++i) out[i] = decoded[codes[i]];
  return out;
}

/** Floats as bfloat16: the nearest, ties to even. */
function toBfloat16(values) {
  return Uint16Array.from(values, (value) => {
    float[0] = value;
    if (Number.isNaN(float[0])) return 0x7fc0;
    return (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16;
  });
}

/** bfloat16 as floats. */
function fromBfloat16(codes) {
  return new Float32Array(Uint32Array.from(codes, (code) => code << 16).buffer);
}

module.exports = {toFloat16, fromFloat16, toBfloat16, fromBfloat16};
