import { boolean, integer, string } from '@oclif/core/flags'
import { GpulabError } from '@gpulab/contract'
import { BaseCommand } from '../base-command.ts'
import { deploy, type DeployBody } from '../containers/deploy.ts'
import { parseEnvironment, parsePorts, parseVolumes } from '../containers/parse-input.ts'
import { parseDuration } from '../output/duration.ts'
import { gibibyte, parseSize } from '../output/size.ts'
import { waitFlags } from './arguments.ts'

const repeatable = { multiple: true, multipleNonGreedy: true } as const

export default class Deploy extends BaseCommand {
  static override examples = [
    'gpulab deploy --name quick-job --template pytorch --gpu-type "RTX 4090"',
    'gpulab deploy --template pytorch-2.1 --gpu-type "RTX 4090" --memory 32 --env BATCH_SIZE=32 --command "python train.py" --wait',
    'gpulab deploy --image ubuntu:22.04 --command "sleep infinity" --json',
  ]
  static override flags = {
    name: string({ summary: 'Name of the container; made up when left out.', helpValue: 'NAME' }),
    template: string({ summary: 'Template, by name or a part of it.', helpValue: 'NAME' }),
    image: string({ summary: 'Image, instead of a template.', helpValue: 'IMAGE', exclusive: ['template'] }),
    'gpu-type': string({ summary: 'GPU type, by name or a part of it.', helpValue: 'TYPE' }),
    'gpu-count': integer({ summary: 'How many GPUs (1).', helpValue: 'N', min: 1, max: 64 }),
    ports: string({ ...repeatable, summary: 'Ports to reach it at.', helpValue: '8080,8888' }),
    env: string({
      ...repeatable,
      char: 'e',
      summary: 'Set an environment variable.',
      helpValue: 'KEY=VALUE',
    }),
    volume: string({ ...repeatable, summary: 'Mount a volume.', helpValue: 'NAME:PATH[:ro]' }),
    'mount-path': string({
      summary: 'Where to mount the one --volume NAME.',
      helpValue: 'PATH',
      dependsOn: ['volume'],
    }),
    memory: string({ summary: 'Memory, in GiB or with a unit.', helpValue: 'SIZE' }),
    cpus: string({ summary: 'CPU cores.', helpValue: 'N' }),
    command: string({ summary: 'Command line, run by sh -c.', helpValue: 'STRING' }),
    ...waitFlags,
    wait: boolean({ summary: 'Wait until it runs.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Deploy)
    const volumes = parseVolumes(flags.volume ?? [], flags['mount-path'])
    const body: DeployBody = {
      ...(flags.name !== undefined && { name: flags.name }),
      ...(flags.image !== undefined && { image: flags.image }),
      ...(flags['gpu-count'] !== undefined && { gpu_count: flags['gpu-count'] }),
      ...(flags.ports && { ports: parsePorts(flags.ports) }),
      ...(flags.env && { env: parseEnvironment(flags.env, process.env) }),
      ...(flags.memory !== undefined && { memory_bytes: parseSize(flags.memory, gibibyte) }),
      ...(flags.cpus !== undefined && { cpus: parseCpus(flags.cpus) }),
      ...(flags.command !== undefined && { command: flags.command }),
      ...(volumes.length > 0 && { volumes }),
    }
    await deploy(await this.apiContext(flags), {
      body,
      template: flags.template,
      gpuType: flags['gpu-type'],
      wait: flags.wait,
      waitTimeoutMs: parseDuration(flags['wait-timeout']),
    })
  }
}

function parseCpus(text: string): number {
  const cpus = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && cpus > 0) return cpus
  throw new GpulabError('invalid_request', {
    message: `"${text}" is not a number of CPU cores.`,
    hint: 'Write it like --cpus 4 or --cpus 0.5.',
  })
}
