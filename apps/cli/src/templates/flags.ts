import { boolean, string } from '@oclif/core/flags'
import { GpulabError, type UpdateTemplate } from '@gpulab/contract'
import { parseEnvironment, parsePorts, parseVolumes } from '../containers/parse-input.ts'
import { gibibyte, mebibyte, parseSize } from '../output/size.ts'

const repeatable = { multiple: true, multipleNonGreedy: true } as const

/** Without a default, oclif gives undefined for what its types say is a boolean. */
export const globalFlag = boolean({ summary: 'Of all teams; for administrators.', default: false })

export const templateFlags = {
  global: globalFlag,
  ports: string({ ...repeatable, summary: 'Ports that it listens on.', helpValue: 'PORT[,PORT]' }),
  env: string({
    ...repeatable,
    char: 'e',
    summary: 'Environment variable, no secret.',
    helpValue: 'KEY=VALUE',
  }),
  memory: string({ summary: 'Memory, in GiB or with a unit.', helpValue: 'SIZE' }),
  disk: string({ summary: 'Disk space to set aside, in GiB or with a unit.', helpValue: 'SIZE' }),
  volume: string({
    ...repeatable,
    summary: 'Volume to mount, of the team that deploys.',
    helpValue: 'NAME:PATH[:ro]',
  }),
  'min-gpu-memory': string({
    summary: 'Memory that each card has to have, in MiB or with a unit.',
    helpValue: 'SIZE',
  }),
  command: string({ summary: 'Command line, run by sh -c.', helpValue: 'STRING' }),
}

interface Flags {
  readonly ports?: string[] | undefined
  readonly env?: string[] | undefined
  readonly memory?: string | undefined
  readonly disk?: string | undefined
  readonly volume?: string[] | undefined
  readonly 'min-gpu-memory'?: string | undefined
  readonly command?: string | undefined
}

export const toTemplateFields = (flags: Flags): UpdateTemplate => ({
  ...(flags.ports && { ports: parseOpenPorts(flags.ports) }),
  ...(flags.env && { env: parseEnvironment(flags.env, process.env) }),
  ...(flags.memory !== undefined && { memory_bytes: parseSize(flags.memory, gibibyte) }),
  ...(flags.disk !== undefined && { disk_bytes: parseSize(flags.disk, gibibyte) }),
  ...(flags.volume && { volumes: parseVolumes(flags.volume, undefined) }),
  ...(flags['min-gpu-memory'] !== undefined && {
    min_gpu_memory_bytes: parseSize(flags['min-gpu-memory'], mebibyte),
  }),
  ...(flags.command !== undefined && { command: flags.command }),
})

/** Who may reach a port is said where it is deployed. */
function parseOpenPorts(flags: readonly string[]): number[] {
  const { ports, port_modes: modes } = parsePorts(flags)
  if (Object.keys(modes).length === 0) return ports
  throw new GpulabError('invalid_request', {
    message: 'A template does not say which ports are private.',
    hint: 'Say it when you deploy: gpulab deploy --ports 8888:private.',
  })
}
