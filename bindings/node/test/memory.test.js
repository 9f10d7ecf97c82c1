'use strict';
// Memory does not grow: memory_child.js with the garbage collector at hand.

const assert = require('node:assert/strict');
const {spawnSync} = require('node:child_process');
const path = require('node:path');
const test = require('node:test');

for (const what of ['engines', 'failures', 'runs', 'unplanned', 'cancelled', 'images', 'batches', 'inspections', 'sequences', 'strings', 'operators', 'workers']) {
  test(`memory: ${what}`, () => {
    const done = spawnSync(process.execPath, ['--expose-gc', path.join(__dirname, 'support/memory_child.js'), what],
        {encoding: 'utf8', timeout: 240000});
    assert.deepEqual([done.status, done.signal], [0, null], done.stdout + done.stderr);
  });
}
