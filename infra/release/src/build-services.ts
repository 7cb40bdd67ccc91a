import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ensureBusybox, ensureGuestBuilt } from '@gpulab/guest/build'
import { toLauncher } from './launcher.ts'
import { type ArchiveEntry, writeArchive } from './write-archive.ts'
import { ownTarget } from './targets.ts'

const checkout = join(import.meta.dirname, '../../..')

/** "gpulab-agent_linux_amd64.tar.gz" */
const serviceArchive = (name: string, arch: string): string => `${name}_linux_${arch}.tar.gz`

/**
 * Writes what operators install, for the architecture of the machine that builds: an archive with the agent of a GPU
 * host and one with API and gateway, each with its own Node. Gives their names; none on a machine that is no Linux.
 */
export async function buildServices(
  outDirectory: string,
  { version, time }: { readonly version: string; readonly time: Date },
): Promise<string[]> {
  const target = ownTarget()
  if (target?.os !== 'linux') return []
  await Promise.all([ensureGuestBuilt(), ensureBusybox()])
  await Promise.all(['agent', 'api', 'gateway'].map(bundle))
  const guest = join(checkout, 'packages/guest/dist', process.arch)
  const common: ArchiveEntry[] = [
    { name: 'node', source: { path: process.execPath }, isExecutable: true },
    { name: 'VERSION', source: { text: `${version}\n` } },
  ]
  const agent = [
    ...common,
    ...(await launch('gpulab-agent', 'agent')),
    ...['gpulab-guest', 'gpulab-dialer', 'busybox'].map((name) => ({
      name: `agent/guest/${process.arch}/${name}`,
      source: { path: join(guest, name) },
      isExecutable: true,
    })),
    await installed('gpulab-agent.service'),
    { name: 'README.md', source: { path: join(checkout, 'docs/operations/hosts.md') } },
  ]
  const server = [
    ...common,
    ...(await launch('gpulab-api', 'api')),
    ...(await launch('gpulab-gateway', 'gateway')),
    await installed('gpulab-api.service'),
    await installed('gpulab-gateway.service'),
    { name: 'README.md', source: { path: join(checkout, 'docs/operations/control-plane.md') } },
  ]
  const archives = { 'gpulab-agent': agent, 'gpulab-server': server }
  for (const [name, entries] of Object.entries(archives))
    await writeArchive(join(outDirectory, serviceArchive(name, target.arch)), entries, time)
  return Object.keys(archives).map((name) => serviceArchive(name, target.arch))
}

const bundle = (app: string): Promise<unknown> =>
  promisify(execFile)('node_modules/.bin/rolldown', ['-c'], { cwd: join(checkout, 'apps', app) })

/** A program's bundle in a folder of its own, and what starts it wherever the archive was unpacked. */
async function launch(program: string, app: string): Promise<ArchiveEntry[]> {
  const dist = join(checkout, 'apps', app, 'dist')
  const files = await readdir(dist, { recursive: true, withFileTypes: true })
  return [
    { name: program, source: { text: toLauncher(app) }, isExecutable: true },
    ...files
      .filter((file) => file.isFile() && !file.name.startsWith('.'))
      .map(({ parentPath, name }) => join(parentPath, name))
      .toSorted()
      .map((path) => ({ name: `${app}${path.slice(dist.length)}`, source: { path } })),
  ]
}

const installed = async (name: string): Promise<ArchiveEntry> => ({
  name,
  source: { text: await readFile(join(checkout, 'infra/install', name), 'utf8') },
})
