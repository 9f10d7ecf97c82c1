#!/usr/bin/env node
'use strict';
// Builds build/spinel.node with the C++ compiler alone:  node build.js [--prefix DIR] [--strict]
// The library is the one of --prefix or SPINEL_PREFIX (an install prefix), of pkg-config, or of a checkout's build
// folder; CXX, CXXFLAGS and LDFLAGS are heeded. --strict: warnings are errors.

const {spawnSync} = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const here = __dirname;
const checkout = path.join(here, '..', '..');

function fail(message) {
  process.stderr.write(`build.js: ${message}\n`);
  process.exit(1);
}

function firstWith(file, folders) {
  return folders.find((folder) => fs.existsSync(path.join(folder, file)));
}

function words(text) {
  return (text || '').split(/\s+/).filter(Boolean);
}

function ofPrefix(prefix) {
  const multiarch = fs.existsSync(path.join(prefix, 'lib')) ? fs.readdirSync(path.join(prefix, 'lib')) : [];
  const include = firstWith('spinel.h', [path.join(prefix, 'include')]);
  const lib = firstWith('libspinel.so', ['lib', 'lib64', ...multiarch.map((name) => path.join('lib', name))]
      .map((name) => path.join(prefix, name)));
  return include && lib ? {include: [`-I${include}`], link: [`-L${lib}`, `-Wl,-rpath,${lib}`, '-lspinel']} : null;
}

function ofPkgConfig() {
  const ask = (...questions) => {
    const answer = spawnSync('pkg-config', [...questions, 'spinel'], {encoding: 'utf8'});
    return answer.status === 0 ? words(answer.stdout) : null;
  };
  const include = ask('--cflags');
  if (!include) return null;
  const folder = ask('--variable=libdir')[0];
  return {include, link: [...ask('--libs'), ...(folder ? [`-Wl,-rpath,${folder}`] : [])]};
}

function ofCheckout() {
  const lib = path.join(checkout, 'build', 'lib');
  const include = path.join(checkout, 'capi');
  if (!fs.existsSync(path.join(lib, 'libspinel.so')) || !fs.existsSync(path.join(include, 'spinel.h'))) return null;
  return {include: [`-I${include}`], link: [`-L${lib}`, `-Wl,-rpath,${lib}`, '-lspinel']};
}

function library(prefix) {
  if (!prefix) {
    return ofPkgConfig() || ofCheckout() ||
        fail('Spinel is not installed: name its install prefix with --prefix or SPINEL_PREFIX ' +
             '(cmake --install FOLDER --prefix DIR)');
  }
  return ofPrefix(path.resolve(prefix)) || fail(`there is no include/spinel.h or libspinel.so under ${prefix}`);
}

const options = process.argv.slice(2);
const strict = options.includes('--strict');
const prefixAt = options.indexOf('--prefix');
const spinel = library(prefixAt >= 0 ? options[prefixAt + 1] : process.env.SPINEL_PREFIX);
const headers = firstWith('node_api.h', [
  path.join(path.dirname(process.execPath), '..', 'include', 'node'), '/usr/include/node', '/usr/include/nodejs/src']);
if (!headers) fail('node_api.h is missing; Debian has it in libnode-dev');

const sources = fs.readdirSync(path.join(here, 'src')).filter((name) => name.endsWith('.cpp')).sort();
const output = path.join(here, 'build', 'spinel.node');
fs.mkdirSync(path.dirname(output), {recursive: true});
const [compiler, ...launched] = words(process.env.CXX || 'c++');
const command = [
  ...launched, '-std=c++17', '-O2', '-fPIC', '-shared', '-pthread', '-fvisibility=hidden', '-Wall', '-Wextra', '-Wpedantic',
  ...(strict ? ['-Werror'] : []), ...words(process.env.CXXFLAGS), '-isystem', headers, ...spinel.include,
  ...sources.map((name) => path.join(here, 'src', name)),
  `-Wl,--version-script=${path.join(here, 'src', 'exports.map')}`, ...words(process.env.LDFLAGS), ...spinel.link,
  '-o', output];
const done = spawnSync(compiler, command, {stdio: 'inherit'});
if (done.error) fail(`no C++ compiler: ${done.error.message}`);
if (done.status !== 0) fail('the compiler failed');
