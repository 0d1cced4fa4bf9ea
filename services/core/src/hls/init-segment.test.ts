import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FragmentedConfig, initSegment } from './init-segment.ts';
import type { AacConfig, FlacConfig, OpusConfig } from './track.ts';

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const ascii = (text: string) => Buffer.from(text, 'latin1').toString('hex');

const aac = (audioSpecificConfig: string): AacConfig => ({
  codec: 'aac',
  timescale: 44_100,
  channels: 2,
  objectType: 2,
  audioSpecificConfig: bytesOf(audioSpecificConfig),
});

const opus: OpusConfig = {
  codec: 'opus',
  timescale: 48_000,
  channels: 2,
  preSkip: 0x138,
  inputSampleRateHz: 48_000,
  outputGain: 0,
  mappingFamily: 0,
  mapping: new Uint8Array(0),
};

const streamInfo = bytesOf('1200 1200 000000 000000 0AC442F0 00000000 00000000000000000000000000000000');
const flac: FlacConfig = { codec: 'flac', timescale: 44_100, channels: 2, bitsPerSample: 16, streamInfo };

/** The one box of a type, from its size on. */
function cut(config: FragmentedConfig, type: string): string {
  const bytes = Buffer.from(initSegment(config));
  const at = bytes.indexOf(type) - 4;
  assert.ok(at >= 0, `${type} is there`);
  assert.equal(bytes.indexOf(type, at + 8), -1, `${type} is there once`);
  return hex(bytes.subarray(at, at + bytes.readUInt32BE(at)));
}

const matrix = '00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000';

test('the segment of stereo AAC is written byte for byte as the reference has it', () => {
  const expected = `
    00000028 ${ascii('ftyp')} ${ascii('iso6')} 00000200 ${ascii('iso5iso6hlsfcmfcmp41aid3')}
    00000247 ${ascii('moov')}
      0000006C ${ascii('mvhd')} 00000000 00000000 00000000 000003E8 00000000 00010000 0100 0000
        00000000 00000000 ${matrix} 00000000 00000000 00000000 00000000 00000000 00000000 00000002
      000001AB ${ascii('trak')}
        0000005C ${ascii('tkhd')} 00000003 00000000 00000000 00000001 00000000 00000000
          00000000 00000000 0000 0001 0100 0000 ${matrix} 00000000 00000000
        00000147 ${ascii('mdia')}
          00000020 ${ascii('mdhd')} 00000000 00000000 00000000 0000AC44 00000000 55C4 0000
          0000002D ${ascii('hdlr')} 00000000 00000000 ${ascii('soun')} 00000000 00000000 00000000
            ${ascii('SoundHandler\0')}
          000000F2 ${ascii('minf')}
            00000010 ${ascii('smhd')} 00000000 0000 0000
            00000024 ${ascii('dinf')}
              0000001C ${ascii('dref')} 00000000 00000001 0000000C ${ascii('url ')} 00000001
            000000B6 ${ascii('stbl')}
              0000006A ${ascii('stsd')} 00000000 00000001
                0000005A ${ascii('mp4a')} 000000000000 0001 00000000 00000000 0002 0010 0000 0000 AC440000
                  00000036 ${ascii('esds')} 00000000
                    03 80808025 0001 00
                    04 80808017 40 15 000000 00000000 00000000
                    05 80808005 121056E500
                    06 80808001 02
              00000010 ${ascii('stts')} 00000000 00000000
              00000010 ${ascii('stsc')} 00000000 00000000
              00000014 ${ascii('stsz')} 00000000 00000000 00000000
              00000010 ${ascii('stco')} 00000000 00000000
      00000028 ${ascii('mvex')}
        00000020 ${ascii('trex')} 00000000 00000001 00000001 00000000 00000000 00000000`;
  assert.equal(hex(initSegment(aac('12 10 56 E5 00'))), hex(bytesOf(expected)));
});

test('the lengths within esds follow the audio specific config', () => {
  const esds = (config: string, es: string, decoder: string, specific: string, size: string) =>
    assert.equal(
      cut(aac(config), 'esds'),
      hex(
        bytesOf(`${size} 65736473 00000000 03 ${es} 0001 00 04 ${decoder} 4015 000000 00000000 00000000
          05 ${specific} ${config} 06 80808001 02`),
      ),
    );
  esds('1210', '80808022', '80808014', '80808002', '00000033');
  esds('00'.repeat(200), '80808168', '8080815A', '80808148', '000000F9');
});

test('Opus fields are big-endian and the gain keeps its sign', () => {
  assert.equal(cut(opus, 'dOps'), '0000001364' + '4f7073' + '0002' + '0138' + '0000bb80' + '0000' + '00');
  const quiet = { ...opus, outputGain: -256, inputSampleRateHz: 44_100 };
  assert.equal(cut(quiet, 'dOps').slice(16), '0002' + '0138' + '0000ac44' + 'ff00' + '00');
});

test('Opus of mapping family 1 brings its streams and their mapping', () => {
  const surround = { ...opus, channels: 6, mappingFamily: 1, mapping: bytesOf('04 02 00 04 01 02 03 05') };
  assert.equal(cut(surround, 'dOps'), `0000001b${ascii('dOps')}000601380000bb800000010402000401020305`);
});

test('the Opus entry is always of 48 kHz and no edit list stands before it', () => {
  const entry = cut({ ...opus, inputSampleRateHz: 8000 }, 'Opus');
  assert.equal(
    entry.slice(0, 72),
    `00000037${ascii('Opus')}${'0'.repeat(12)}0001${'0'.repeat(16)}0002001000000000bb800000`,
  );
  assert.equal(Buffer.from(initSegment(opus)).indexOf('elst'), -1);
});

test('FLAC brings its STREAMINFO as the last metadata block', () => {
  assert.equal(cut(flac, 'dfLa'), `00000032${ascii('dfLa')}0000000080000022${hex(streamInfo)}`);
  assert.equal(cut(flac, 'fLaC').slice(48, 72), '0002001000000000ac440000');
});

test('FLAC of 24 bits says so, and a rate beyond 16 bits is halved in the entry alone', () => {
  const fine = { ...flac, bitsPerSample: 24, timescale: 96_000 };
  assert.equal(cut(fine, 'fLaC').slice(48, 72), '0002001800000000bb800000');
  assert.equal(cut(fine, 'mdhd').slice(40, 48), '00017700');
});

test('the same configuration gives the same bytes', () => {
  for (const config of [aac('1210'), opus, flac]) {
    assert.deepEqual(initSegment(config), initSegment(structuredClone(config)));
  }
});

test('the largest of configurations find room', () => {
  assert.equal(
    cut({ ...opus, channels: 255, mappingFamily: 255, mapping: new Uint8Array(257) }, 'dOps').length,
    552,
  );
  assert.equal(cut(aac('00'.repeat(5000)), 'esds').length, 2 * (51 + 4998));
});
