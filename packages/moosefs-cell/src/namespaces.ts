import { findProgram, tryCommand } from '@gpulab/images'
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from './run-tool.ts'

const namespacesFolder = '/run/netns'
/** Of documentation, as the cell's. */
const hostNet = '203.0.113'
const tools = ['mfsmount', 'mfssetquota', 'mfssettrashtime', 'mfsseteattr', 'mfsrmsnapshot']

const ip = (...args: string[]): Promise<string> => runTool('ip', ...args)

export async function hasNamespace(name: string): Promise<boolean> {
  return (await readdir(namespacesFolder).catch((): string[] => [])).includes(name)
}

export async function makeNamespace(name: string): Promise<void> {
  if (!(await hasNamespace(name))) await ip('netns', 'add', name)
  await ip('-n', name, 'link', 'set', 'lo', 'up')
}

/** With those whose names begin with its own and a dash. */
export async function removeNamespaces(name: string): Promise<void> {
  const names = await readdir(namespacesFolder).catch((): string[] => [])
  for (const each of names) {
    if (each === name || each.startsWith(`${name}-`)) await tryCommand('ip', ['netns', 'del', each])
  }
}

export async function giveAddress(name: string, link: string, address: string): Promise<void> {
  await ip('-n', name, 'addr', 'replace', address, 'dev', link)
  await ip('-n', name, 'link', 'set', link, 'up')
}

/** Connects two namespaces by addresses that only they have, and shows the second the way to a network of the first. */
export async function connectNamespaces(
  inner: string,
  outer: string,
  { id, number, network }: { readonly id: string; readonly number: number; readonly network: string },
): Promise<void> {
  const [there, here] = [`${id}m${number}`, `${id}h${number}`]
  const addressOf = (host: number): string => `${hostNet}.${number * 4 + host}`
  await ip('link', 'add', there, 'netns', inner, 'type', 'veth', 'peer', 'name', here, 'netns', outer)
  await giveAddress(inner, there, `${addressOf(1)}/30`)
  await giveAddress(outer, here, `${addressOf(2)}/30`)
  await ip('-n', outer, 'route', 'add', network, 'via', addressOf(1))
}

/** Puts the tools of MooseFS into a folder, as they run in that namespace: mounts are the machine's own all the same. */
export async function writeTools(folder: string, namespace: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const tool of tools) {
    const program = (await findProgram(tool)) ?? tool
    const script = `#!/bin/sh\nexec nsenter --net=${namespacesFolder}/${namespace} -- ${program} "$@"\n`
    await writeFile(join(folder, tool), script)
    await chmod(join(folder, tool), 0o755)
  }
}

export const runInside = (namespace: string, ...command: readonly string[]): Promise<string> =>
  runTool('nsenter', `--net=${namespacesFolder}/${namespace}`, '--', ...command)
