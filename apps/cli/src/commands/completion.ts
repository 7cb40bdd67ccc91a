import { string } from '@oclif/core/args'
import { BaseCommand } from '../base-command.ts'
import { completionScripts, type Shell, shells } from '../completion/scripts.ts'

export default class Completion extends BaseCommand {
  static override description =
    'Prints a script with which your shell completes commands, flags, and the names of containers, templates, GPU types and hosts. Names are asked for once in 10 seconds at most.'
  static override examples = [
    'source <(gpulab completion bash)',
    'gpulab completion zsh > ~/.zfunc/_gpulab',
    'gpulab completion fish > ~/.config/fish/completions/gpulab.fish',
  ]
  static override args = {
    shell: string({
      required: true,
      ignoreStdin: true,
      options: [...shells],
      description: shells.join(', '),
    }),
  }

  async run(): Promise<void> {
    const { args } = await this.parse(Completion)
    process.stdout.write(completionScripts[args.shell as Shell])
  }
}
