import config from '@gpulab/cli/bundle'
import { fileURLToPath } from 'node:url'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'rolldown'
import { type Component, findComponents } from './sbom.ts'
import { type ArchiveEntry, writeArchive } from './write-archive.ts'

interface PackageOptions {
  readonly version: string
  readonly time: Date
  readonly readme: string
}

const starter = `#!/usr/bin/env node
import '../dist/main.js'
`

/** What `npm install --global` takes: the bundle for Node, with no dependencies. Gives what is in it. */
export async function buildNpmPackage(
  path: string,
  { version, time, readme }: PackageOptions,
): Promise<{ components: Component[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-npm-'))
  try {
    const input = fileURLToPath(import.meta.resolve('@gpulab/cli'))
    const { output } = await build({ ...config, input, output: { ...config.output, dir: folder } })
    const modules = output.flatMap((each) => (each.type === 'chunk' ? each.moduleIds : []))
    const files = await readdir(folder, { recursive: true, withFileTypes: true })
    const bundle = files
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name))
      .toSorted()
      .map((file): ArchiveEntry => ({
        name: `package/dist${file.slice(folder.length)}`,
        source: { path: file },
      }))
    const manifest = `${JSON.stringify(packageJson(version), null, 2)}\n`
    const entries: ArchiveEntry[] = [
      { name: 'package/package.json', source: { text: manifest } },
      { name: 'package/README.md', source: { text: readme } },
      { name: 'package/bin/gpulab.js', source: { text: starter }, isExecutable: true },
      ...bundle,
    ]
    await writeArchive(path, entries, time)
    return { components: findComponents(modules) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const packageJson = (version: string): object => ({
  name: 'gpulab',
  version,
  description: 'Run GPU containers on your own machines',
  type: 'module',
  bin: { gpulab: 'bin/gpulab.js' },
  engines: { node: '>=24' },
})
