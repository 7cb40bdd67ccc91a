import { string } from '@oclif/core/flags'
import { GpulabError } from '@gpulab/contract'
import { BaseCommand } from '../base-command.ts'
import { parseEnvironment } from '../containers/parse-input.ts'
import { runCommand } from '../exec/run-command.ts'
import { parseDuration } from '../output/duration.ts'
import { parseSize } from '../output/size.ts'
import { containerArgument } from './arguments.ts'

export default class Exec extends BaseCommand {
  static override description =
    'Everything after -- goes to the command as it is. Ends with the exit code of the command; 124 when it timed out, 125 when GPULab itself failed.'
  static override usage = 'exec CONTAINER [FLAGS] -- COMMAND [ARGUMENTS...]'
  static override examples = [
    'gpulab exec my-training-job -- nvidia-smi',
    `gpulab exec my-training-job -- python -c "print('hello')"`,
    'gpulab exec my-training-job --timeout 60 -w /workspace -- python train.py',
    'gpulab exec my-training-job --json -- cat results.json',
  ]
  static override args = { container: containerArgument }
  static override flags = {
    timeout: string({ summary: 'End the command after this time (30s; at most 5m).', helpValue: 'TIME' }),
    env: string({
      char: 'e',
      multiple: true,
      multipleNonGreedy: true,
      summary: 'Set an environment variable.',
      helpValue: 'KEY=VALUE',
    }),
    workdir: string({ char: 'w', summary: 'Run it in this directory.', helpValue: 'DIR' }),
    user: string({ char: 'u', summary: 'Run it as this user.', helpValue: 'USER' }),
    'max-output': string({ summary: 'Keep this much of each stream (1MiB).', helpValue: 'SIZE' }),
  }

  async run(): Promise<void> {
    const { own, command } = splitAtSeparator(this.argv)
    const { args, flags } = await this.parse(Exec, own)
    if (command.length === 0) {
      throw new GpulabError('invalid_request', {
        message: 'There is no command to run.',
        hint: `Write it after --, as in gpulab exec ${args.container} -- nvidia-smi.`,
      })
    }
    // The flag is the command's time; the one of the HTTP request comes from the environment.
    const context = await this.apiContext({ ...flags, timeout: undefined })
    process.exitCode = await runCommand(context, args.container, {
      command,
      env: parseEnvironment(flags.env ?? [], process.env),
      timeoutMs: flags.timeout === undefined ? undefined : parseDuration(flags.timeout),
      workdir: flags.workdir,
      user: flags.user,
      maxOutput: flags['max-output'] === undefined ? undefined : parseSize(flags['max-output'], 1),
    })
  }
}

/** What is ours, and what is the command's. */
function splitAtSeparator(argv: readonly string[]): { own: string[]; command: string[] } {
  const at = argv.indexOf('--')
  const own = argv.slice(0, at === -1 ? undefined : at)
  return { own, command: at === -1 ? [] : argv.slice(at + 1) }
}
