import { boolean, integer, option, string } from '@oclif/core/flags'
import { GpulabError } from '@gpulab/contract'
import { BaseCommand } from '../base-command.ts'
import { deploy, type DeployBody } from '../containers/deploy.ts'
import { parseEnvironment, parsePorts, parseRestart, parseVolumes } from '../containers/parse-input.ts'
import { gibibyte, parseSize } from '../output/size.ts'
import { waitFlags, waitTimeoutOf } from './arguments.ts'

const repeatable = { multiple: true, multipleNonGreedy: true } as const

export default class Deploy extends BaseCommand {
  static override examples = [
    'gpulab deploy --name quick-job --template pytorch --gpu-type "RTX 4090"',
    'gpulab deploy --template pytorch-2.1 --gpu-type "RTX 4090" --memory 32 --env BATCH_SIZE=32 --command "python train.py" --wait',
    'gpulab deploy --image ubuntu:22.04 --command "sleep infinity" --json',
    'gpulab deploy --template pytorch --gpu-type H100,A100 --gpu-count 4 --queue --wait --wait-timeout 12h',
    'gpulab deploy --name api --image my/api:2 --if-exists replace --restart on-failure:5',
  ]
  static override flags = {
    name: string({ summary: 'Name of the container; made up when left out.', helpValue: 'NAME' }),
    template: string({ summary: 'Template, by name or a part of it.', helpValue: 'NAME' }),
    image: string({ summary: 'Image, instead of a template.', helpValue: 'IMAGE', exclusive: ['template'] }),
    'gpu-type': string({
      ...repeatable,
      summary: 'GPU type, by name or a part of it; of several, the first that is free.',
      helpValue: 'TYPE[,TYPE]',
    }),
    'gpu-count': integer({ summary: 'How many GPUs (1).', helpValue: 'N', min: 1, max: 64 }),
    queue: boolean({ summary: 'Wait in line where there is no room now.' }),
    'if-exists': option({
      summary: 'If there is one of that name: fail, adopt it, or replace it.',
      options: ['fail', 'adopt', 'replace'] as const,
      helpValue: 'fail|adopt|replace',
      dependsOn: ['name'],
    })(),
    restart: string({
      summary: 'When it starts again by itself (no).',
      helpValue: 'no|on-failure[:N]|unless-stopped',
    }),
    ports: string({
      ...repeatable,
      summary: 'Ports that have a URL, for everybody or not.',
      helpValue: '8080,8888:private',
    }),
    env: string({
      ...repeatable,
      char: 'e',
      summary: 'Set an environment variable.',
      helpValue: 'KEY=VALUE',
    }),
    secret: string({
      ...repeatable,
      summary: 'Set an environment variable that is never shown again.',
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
    disk: string({ summary: 'Disk space to set aside, in GiB or with a unit.', helpValue: 'SIZE' }),
    command: string({ summary: 'Command line, run by sh -c.', helpValue: 'STRING' }),
    ...waitFlags,
    wait: boolean({ summary: 'Wait until it runs, in line too.' }),
    'idempotency-key': string({
      summary: 'Key of a deploy whose outcome is not known: deploys nothing twice.',
      helpValue: 'KEY',
      parse: async (text) => requireKey(text),
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Deploy)
    const volumes = parseVolumes(flags.volume ?? [], flags['mount-path'])
    const body: DeployBody = {
      ...(flags.name !== undefined && { name: flags.name }),
      ...(flags.image !== undefined && { image: flags.image }),
      ...(flags['gpu-count'] !== undefined && { gpu_count: flags['gpu-count'] }),
      ...(flags.ports && parsePorts(flags.ports)),
      ...(flags.env && { env: parseEnvironment(flags.env, process.env) }),
      ...(flags.secret && { secrets: parseEnvironment(flags.secret, process.env, '--secret') }),
      ...(flags.queue && { queue: true }),
      ...(flags['if-exists'] !== undefined && { if_exists: flags['if-exists'] }),
      ...(flags.restart !== undefined && { restart: parseRestart(flags.restart) }),
      ...(flags.disk !== undefined && { disk_bytes: parseSize(flags.disk, gibibyte) }),
      ...(flags.memory !== undefined && { memory_bytes: parseSize(flags.memory, gibibyte) }),
      ...(flags.cpus !== undefined && { cpus: parseCpus(flags.cpus) }),
      ...(flags.command !== undefined && { command: flags.command }),
      ...(volumes.length > 0 && { volumes }),
    }
    await deploy(await this.apiContext(flags), {
      body,
      template: flags.template,
      gpuTypes: flags['gpu-type'] ?? [],
      idempotencyKey: flags['idempotency-key'],
      wait: flags.wait,
      waitTimeoutMs: waitTimeoutOf(flags),
    })
  }
}

/** Anything else could not be sent in a header. */
function requireKey(text: string): string {
  if (/^[\x21-\x7e]{1,255}$/.test(text)) return text
  throw new GpulabError('invalid_request', {
    message: 'The idempotency key has characters that no key has, or too many.',
    hint: 'Use up to 255 letters, digits and signs without blanks, as a uuid is.',
  })
}

function parseCpus(text: string): number {
  const cpus = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && cpus > 0) return cpus
  throw new GpulabError('invalid_request', {
    message: `"${text}" is not a number of CPU cores.`,
    hint: 'Write it like --cpus 4 or --cpus 0.5.',
  })
}
