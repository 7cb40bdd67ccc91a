import { boolean, string } from '@oclif/core/flags'
import { BaseCommand } from '../base-command.ts'
import { runExec } from '../exec/run-exec.ts'
import { toShellInput } from '../exec/to-exec-input.ts'
import { Interruption } from '../sessions/interruption.ts'
import { openInBrowser } from '../terminal/open-in-browser.ts'
import { containerArgument } from './arguments.ts'
import { splitAtSeparator } from '../route.ts'

export default class Ssh extends BaseCommand {
  static override description =
    'Opens the login shell of the container on this terminal, or runs a command there with standard input. A lost connection is made again, for up to 10 minutes, with no output lost or repeated. At the beginning of a line, ~. ends the session and leaves, ~d leaves it running, ~? shows this. Ends with the exit code of the shell or the command; 125 when GPULab itself failed.'
  static override usage = 'ssh CONTAINER [FLAGS] [-- COMMAND [ARGUMENTS...]]'
  static override examples = [
    'gpulab ssh my-training-job',
    'gpulab ssh my-training-job -- tail -f train.log',
    'gpulab ssh my-training-job --web',
  ]
  static override args = { container: containerArgument }
  static override flags = {
    tty: boolean({ char: 't', summary: 'Give a command a terminal too.' }),
    env: string({
      char: 'e',
      multiple: true,
      multipleNonGreedy: true,
      summary: 'Set an environment variable.',
      helpValue: 'KEY=VALUE',
    }),
    workdir: string({ char: 'w', summary: 'Begin in this directory.', helpValue: 'DIR' }),
    user: string({ char: 'u', summary: 'Be this user.', helpValue: 'USER' }),
    web: boolean({
      summary: 'Open the shell in a browser: print the link, good once and for a minute, and open it.',
      exclusive: ['tty', 'env', 'workdir', 'user'],
    }),
  }

  async run(): Promise<void> {
    const { own, command } = splitAtSeparator(this.argv)
    const { args, flags } = await this.parse(Ssh, own)
    if (flags.web) return openInBrowser(await this.apiContext(flags), args.container, command)
    const input = toShellInput(flags, command)
    using interruption = new Interruption()
    const context = await this.apiContext(flags, interruption)
    process.exitCode = await runExec(context, interruption, args.container, input)
  }
}
