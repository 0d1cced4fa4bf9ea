/** The splitter for each codec. */
import { AdtsSplitter } from './adts-splitter.ts';
import { FlacSplitter } from './flac-splitter.ts';
import type { Codec, FrameSplitter } from './frame-splitter.ts';
import { MatroskaSplitter } from './matroska-splitter.ts';
import { Mp3Splitter } from './mp3-splitter.ts';
import { OggSplitter } from './ogg-splitter.ts';
import { OpaqueSplitter } from './opaque-splitter.ts';

export function createSplitter(codec: Codec): FrameSplitter {
  switch (codec) {
    case 'mp3':
      return new Mp3Splitter();
    case 'aac':
      return new AdtsSplitter();
    case 'flac':
      return new FlacSplitter();
    case 'matroska':
      return new MatroskaSplitter();
    case 'opaque':
      return new OpaqueSplitter();
    default:
      return new OggSplitter();
  }
}
