package spinel

// #include "callbacks.h"
import "C"

import "math"

// DType is an element type, numbered as in ONNX.
type DType int32

// The element types. Those without a Go type of their own are held as []byte; of the 4-bit and 2-bit types several
// elements share a byte, the first in the low bits.
const (
	Undefined      DType = C.SPINEL_UNDEFINED // As an option: the model's.
	Float32        DType = C.SPINEL_FLOAT32
	Uint8          DType = C.SPINEL_UINT8
	Int8           DType = C.SPINEL_INT8
	Uint16         DType = C.SPINEL_UINT16
	Int16          DType = C.SPINEL_INT16
	Int32          DType = C.SPINEL_INT32
	Int64          DType = C.SPINEL_INT64
	String         DType = C.SPINEL_STRING
	Bool           DType = C.SPINEL_BOOL
	Float16        DType = C.SPINEL_FLOAT16 // F16
	Float64        DType = C.SPINEL_FLOAT64
	Uint32         DType = C.SPINEL_UINT32
	Uint64         DType = C.SPINEL_UINT64
	Complex64      DType = C.SPINEL_COMPLEX64
	Complex128     DType = C.SPINEL_COMPLEX128
	BFloat16       DType = C.SPINEL_BFLOAT16     // BF16
	Float8E4M3FN   DType = C.SPINEL_FLOAT8E4M3FN // This and the following: bytes.
	Float8E4M3FNUZ DType = C.SPINEL_FLOAT8E4M3FNUZ
	Float8E5M2     DType = C.SPINEL_FLOAT8E5M2
	Float8E5M2FNUZ DType = C.SPINEL_FLOAT8E5M2FNUZ
	Uint4          DType = C.SPINEL_UINT4
	Int4           DType = C.SPINEL_INT4
	Float4E2M1     DType = C.SPINEL_FLOAT4E2M1
	Float8E8M0     DType = C.SPINEL_FLOAT8E8M0
	Uint2          DType = C.SPINEL_UINT2
	Int2           DType = C.SPINEL_INT2
)

// String is the name of the type, such as "float32".
func (d DType) String() string {
	return C.GoString(C.spinel_dtype_name(C.int32_t(d)))
}

// Element lists the Go types of tensor elements.
type Element interface {
	float32 | float64 | F16 | BF16 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | bool |
		complex64 | complex128 | string
}

// DTypeOf is the element type that T stands for.
func DTypeOf[T Element]() DType {
	var zero T
	switch any(zero).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case F16:
		return Float16
	case BF16:
		return BFloat16
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case bool:
		return Bool
	case complex64:
		return Complex64
	case complex128:
		return Complex128
	}
	return String
}

// F16 is a number of 16 bits, IEEE 754's binary16, as its bits.
type F16 uint16

// BF16 is the upper half of a float32, as its bits.
type BF16 uint16

// ToF16 rounds to the nearest, ties to even; what is too large becomes infinite.
func ToF16(value float32) F16 {
	bits := math.Float32bits(value)
	sign := F16(bits >> 16 & 0x8000)
	exponent, fraction := int(bits>>23&0xff), bits&0x7fffff
	switch {
	case exponent == 0xff && fraction != 0: // NaN: quiet, with the upper bits of its payload.
		return sign | 0x7e00 | F16(fraction>>13)
	case exponent > 142: // Infinite, or at least 2^16.
		return sign | 0x7c00
	case exponent > 112: // Normal. A carry out of the fraction raises the exponent, up to infinity.
		return sign | F16(roundShift(uint32(exponent-112)<<23|fraction, 13))
	case exponent > 101: // Subnormal, or what rounds to the least of them.
		return sign | F16(roundShift(fraction|1<<23, uint(126-exponent)))
	}
	return sign
}

// roundShift is bits >> shift, rounded to the nearest, ties to even.
func roundShift(bits uint32, shift uint) uint32 {
	half := uint32(1) << (shift - 1)
	return (bits + half - 1 + bits>>shift&1) >> shift
}

// Float32 is exact.
func (f F16) Float32() float32 {
	sign, exponent, fraction := uint32(f&0x8000)<<16, uint32(f>>10&0x1f), uint32(f&0x3ff)
	switch exponent {
	case 0:
		value := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(value) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

// ToBF16 rounds to the nearest, ties to even.
func ToBF16(value float32) BF16 {
	bits := math.Float32bits(value)
	if value != value {
		return BF16(bits>>16 | 0x40)
	}
	return BF16(roundShift(bits, 16))
}

// Float32 is exact.
func (f BF16) Float32() float32 {
	return math.Float32frombits(uint32(f) << 16)
}
