import { boolean, string } from '@oclif/core/flags'
import { BaseCommand } from '../base-command.ts'
import { runExec } from '../exec/run-exec.ts'
import { toExecInput } from '../exec/to-exec-input.ts'
import { splitAtSeparator } from '../route.ts'
import { Interruption } from '../sessions/interruption.ts'
import { containerArgument } from './arguments.ts'

export default class Exec extends BaseCommand {
  static override description =
    'Everything after -- goes to the command as it is; its output comes as it is written, byte for byte. Ends with the exit code of the command; 124 when it timed out, 125 when GPULab itself failed. Ctrl-C sends SIGINT to the command; a second one ends it and leaves. A lost connection is made again, for up to 10 minutes.'
  static override usage = 'exec CONTAINER [FLAGS] -- COMMAND [ARGUMENTS...]'
  static override examples = [
    'gpulab exec my-training-job -- nvidia-smi',
    'tar c . | gpulab exec -i my-training-job -- tar x -C /workspace',
    'gpulab exec my-training-job --interactive',
    'gpulab exec my-training-job -d -w /workspace -- python train.py',
    'gpulab exec my-training-job --json --timeout 60 -- cat results.json',
  ]
  static override args = { container: containerArgument }
  static override flags = {
    stdin: boolean({ char: 'i', summary: 'Give it standard input, to its end.' }),
    tty: boolean({ char: 't', summary: 'Give it a terminal.', exclusive: ['json'] }),
    interactive: boolean({ summary: 'As -it; without a command, open a shell.', exclusive: ['json'] }),
    detach: boolean({
      char: 'd',
      summary: 'Leave it running, and print the id of its session.',
      exclusive: ['stdin', 'tty', 'interactive', 'max-output'],
    }),
    timeout: string({
      summary: 'End the command after this time (never; with --json 30s).',
      helpValue: 'TIME',
    }),
    env: string({
      char: 'e',
      multiple: true,
      multipleNonGreedy: true,
      summary: 'Set an environment variable.',
      helpValue: 'KEY=VALUE',
    }),
    workdir: string({ char: 'w', summary: 'Run it in this directory.', helpValue: 'DIR' }),
    user: string({ char: 'u', summary: 'Run it as this user.', helpValue: 'USER' }),
    'max-output': string({
      summary: 'Keep this much of each stream (everything; with --json 1MiB).',
      helpValue: 'SIZE',
    }),
  }

  async run(): Promise<void> {
    const { own, command } = splitAtSeparator(this.argv)
    const { args, flags } = await this.parse(Exec, own)
    const input = toExecInput(args.container, flags, command)
    using interruption = new Interruption()
    // The flag is the command's time; the one of the HTTP request comes from the environment.
    const context = await this.apiContext({ ...flags, timeout: undefined }, interruption)
    process.exitCode = await runExec(context, interruption, args.container, input)
  }
}
