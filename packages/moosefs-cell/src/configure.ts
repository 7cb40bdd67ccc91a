import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export type CellPart = 'master' | 'chunks-1' | 'chunks-2'
export const cellParts: readonly CellPart[] = ['master', 'chunks-1', 'chunks-2']

export interface Program {
  readonly command: readonly string[]
  /** Holds the pid. */
  readonly lock: string
}

/** Of documentation (RFC 5737): on the loopback of a namespace of its own. A chunkserver refuses a master on 127.0.0.0/8. */
export const cellNet = '198.51.100'
export const master = `${cellNet}.1`
const emptyMetadata = '/var/lib/mfs/metadata.mfs.empty'

/** Writes the settings of a cell in this folder. What it holds already stays. */
export async function configure(folder: string): Promise<Record<CellPart, Program>> {
  const at = (...names: string[]): string => join(folder, ...names)
  const common = ['WORKING_USER = root', 'WORKING_GROUP = root', 'NICE_LEVEL = 0', 'DISABLE_OOM_KILLER = 0']
  await mkdir(at('master'), { recursive: true })
  const hasMetadata = (await readdir(at('master'))).some((name) => name.startsWith('metadata.'))
  if (!hasMetadata) await copyFile(emptyMetadata, at('master/metadata.mfs'))
  // Without "admin" nobody can set quotas.
  await writeFile(at('exports'), '* / rw,alldirs,admin,maproot=0:0\n* . rw\n')
  await writeFile(at('topology'), '')
  const listen = ['MATOML', 'MATOCS', 'MATOCL'].map((name) => `${name}_LISTEN_HOST = ${master}`)
  const ofMaster = [
    `DATA_PATH = ${at('master')}`,
    `EXPORTS_FILENAME = ${at('exports')}`,
    `TOPOLOGY_FILENAME = ${at('topology')}`,
    'REPLICATIONS_DELAY_INIT = 5',
  ]
  await writeFile(at('master.cfg'), [...common, ...listen, ...ofMaster, ''].join('\n'))
  for (const number of [1, 2]) {
    const name = `chunks-${number}`
    await mkdir(at(name), { recursive: true })
    await mkdir(at(`disk-${number}`), { recursive: true })
    await writeFile(at(`disk-${number}.cfg`), `${at(`disk-${number}`)}\n`)
    const own = `${cellNet}.${10 + number}`
    const ofChunks = [
      `DATA_PATH = ${at(name)}`,
      `HDD_CONF_FILENAME = ${at(`disk-${number}.cfg`)}`,
      'HDD_LEAVE_SPACE_DEFAULT = 256MiB',
      `MASTER_HOST = ${master}`,
      `BIND_HOST = ${own}`,
      `CSSERV_LISTEN_HOST = ${own}`,
      'MASTER_RECONNECTION_DELAY = 1',
    ]
    await writeFile(at(`${name}.cfg`), [...common, ...ofChunks, ''].join('\n'))
  }
  return toPrograms(folder)
}

export function toPrograms(folder: string): Record<CellPart, Program> {
  const chunks = (number: number): Program => ({
    command: ['mfschunkserver', '-c', join(folder, `chunks-${number}.cfg`), 'start'],
    lock: join(folder, `chunks-${number}/.mfschunkserver.lock`),
  })
  return {
    // -a: after a kill it has to replay its logs.
    master: {
      command: ['mfsmaster', '-c', join(folder, 'master.cfg'), '-a', 'start'],
      lock: join(folder, 'master/.mfsmaster.lock'),
    },
    'chunks-1': chunks(1),
    'chunks-2': chunks(2),
  }
}
