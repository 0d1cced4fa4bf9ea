#!/usr/bin/env -S MALLOC_MMAP_THRESHOLD_=20480 MALLOC_MMAP_MAX_=32768 node --max-semi-space-size=4 --expose-gc
/**
 * The `legacystream` command. Plain JavaScript, so that a Node too old for the
 * sources answers with one sentence instead of a syntax error.
 *
 * What stands above keeps a process small: the first flag bounds what is young in memory, of which a
 * burst of work (mounts that get their first listeners) would leave some 100 MB for good; the other
 * lets it be collected when there is nothing else to do (memory-reducer.ts). The variables are
 * for glibc, which gives large pieces back when they are freed (docs/decisions/0014).
 */
import module from 'node:module';

const neededMajor = 24;

if (Number.parseInt(process.versions.node, 10) < neededMajor) {
  process.stderr.write(
    `legacystream needs Node ${neededMajor} or later and this is ${process.versions.node}; ` +
      'install a newer Node, or run `npm start` in the repository, which brings its own.\n',
  );
  process.exitCode = 1;
} else {
  // Types are erased and code is compiled once, then kept between starts.
  module.enableCompileCache?.();
  await import('../src/main.ts');
}
