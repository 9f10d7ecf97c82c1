'use strict';
// The addon, with the errors and helpers that the other files share.

const fs = require('node:fs');
const path = require('node:path');
const {fileURLToPath} = require('node:url');

const addon = path.join(__dirname, '..', 'build', 'spinel.node');
if (!fs.existsSync(addon)) {
  throw new Error(`${addon} is missing: build it with \`npm run build\` in ${path.dirname(__dirname)}`);
}
const native = require(addon);

/** A failure. `code` is the name of the kind, such as "bad_model"; `node` the ONNX node that failed, or "". */
class SpinelError extends Error {
  constructor(message, code, node = '') {
    super(message);
    this.name = 'SpinelError';
    this.code = code;
    this.node = node;
  }
}
native.setErrorClass(SpinelError);
// Runs under way must not outlive what Node takes down.
process.once('exit', native.close);

function misuse(message) {
  return new SpinelError(message, 'invalid_argument');
}

/** Options are those of `known`: a misspelt one is an error. */
function checkOptions(options, known, what) {
  if (options === null || typeof options !== 'object') throw misuse(`the options of ${what} must be an object`);
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw misuse(`${what} has no option '${name}'; there are ${known.join(', ')}`);
  }
}

/** A path as a string: file URLs are converted. */
function pathOf(value) {
  return value instanceof URL ? fileURLToPath(value) : value;
}

function aborted(signal) {
  const error = new SpinelError('the work was cancelled', 'cancelled');
  error.name = 'AbortError';
  error.cause = signal.reason;
  return error;
}

/** What a job of [id, promise] comes to. Its error gets the stack of those who wait for it. */
async function finished([id, promise], signal) {
  const abort = () => native.cancel(id);
  if (signal) signal.addEventListener('abort', abort, {once: true});
  try {
    return await promise;
  } catch (error) {
    const thrown = error.code === 'cancelled' && signal && signal.aborted ? aborted(signal) : error;
    Error.captureStackTrace(thrown);
    throw thrown;
  } finally {
    if (signal) signal.removeEventListener('abort', abort);
  }
}

/** Fails if it is no signal, or has come already. */
function checkSignal(signal) {
  if (signal === undefined || signal === null) return;
  if (typeof signal.addEventListener !== 'function') throw misuse('signal must be an AbortSignal');
  if (signal.aborted) throw aborted(signal);
}

module.exports = {native, SpinelError, misuse, checkOptions, pathOf, finished, checkSignal};
