/** The `legacystream` command: reads the command line and runs one command. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { CommandIo } from './commands/command-io.ts';
import type { ServeOptions } from './commands/serve.ts';
import type { PodRole } from './pod-role.ts';
import { productVersion } from './product-version.ts';

const maxStdinBytes = 64 * 1024;

const io: CommandIo = {
  env: process.env,
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  readFile: (path) => readFileSync(path, 'utf8'),
  readStdin: async () => {
    let text = '';
    for await (const part of process.stdin.setEncoding('utf8')) {
      text += part;
      if (text.length > maxStdinBytes) throw new Error('standard input is too long');
    }
    return text;
  },
};

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** The options of every command that reads the configuration. */
function withSettings(command: Command): Command {
  return command
    .option('-c, --config <file>', 'INI file (also LEGACYSTREAM_CONFIG)')
    .option('--set <section.key=value>', 'override one setting; may be repeated', collect, []);
}

async function serve(role: PodRole, options: ServeOptions): Promise<void> {
  const { runServer } = await import('./commands/serve.ts');
  const status = await runServer(role, options, io);
  if (status !== undefined) process.exit(status);
}

const program = new Command('legacystream')
  .description('Internet-radio streaming server: Icecast and SHOUTcast sources in, listeners out.')
  .version(`LegacyStream ${productVersion()}`, '-V, --version')
  .showHelpAfterError();

withSettings(program.command('standalone'))
  .description('the whole server in one process')
  .option('--demo', 'also play a generated demo stream on /demo.mp3')
  .action((options) => serve('standalone', options));

const descriptions = {
  ingest: 'takes sources and publishes their audio on the bus',
  edge: 'serves listeners, and passes sources on to an ingest',
  control: 'answers operators',
} as const;
for (const role of ['ingest', 'edge', 'control'] as const) {
  withSettings(program.command(role))
    .description(`one server of a cluster: ${descriptions[role]}`)
    .action((options) => serve(role, options));
}

const config = program.command('config').description('look at the configuration');
withSettings(config.command('check'))
  .description('report everything that is wrong with the configuration')
  .action(async (options) => {
    const { runConfigCheck } = await import('./commands/config-check.ts');
    process.exitCode = runConfigCheck(options, io);
  });
withSettings(config.command('explain'))
  .description('show settings, their values and where each comes from')
  .argument('[key]', 'a section, section.key, or a mount path')
  .action(async (key, options) => {
    const { runConfigExplain } = await import('./commands/config-explain.ts');
    process.exitCode = runConfigExplain({ ...options, key }, io);
  });

program
  .command('hash-password')
  .description('hash a password for the configuration')
  .argument('[password]', 'read from standard input when absent')
  .action(async (password) => {
    const { runHashPassword } = await import('./commands/hash-password.ts');
    process.exitCode = await runHashPassword(password, io);
  });

program
  .command('version')
  .description('print the version')
  .action(() => io.stdout(`LegacyStream ${productVersion()}\n`));

await program.parseAsync();
