import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { buildExecutable } from './build-executable.ts'
import { buildNpmPackage } from './build-npm-package.ts'
import { buildServices } from './build-services.ts'
import { readTarget } from './executable-format.ts'
import { toSbom } from './sbom.ts'
import { archiveName, type Target } from './targets.ts'
import { writeArchive } from './write-archive.ts'

export interface ReleaseOptions {
  readonly version: string
  readonly targets: readonly Target[]
  readonly outDirectory: string
  /** Of every file in every archive. */
  readonly time: Date
  readonly readme: string
  readonly tell: (line: string) => void
}

/** Everything that a release consists of, in one folder, and `checksums.txt` of all of it. */
export async function buildRelease(options: ReleaseOptions): Promise<void> {
  const { outDirectory, version, time, readme, tell } = options
  await rm(outDirectory, { recursive: true, force: true })
  await mkdir(outDirectory, { recursive: true })
  const npm = await buildNpmPackage(join(outDirectory, `gpulab-${version}.tgz`), { version, time, readme })
  tell(`gpulab-${version}.tgz`)
  const bun = { name: 'bun', version: await readBunVersion() }
  await writeFile(
    join(outDirectory, 'sbom.cdx.json'),
    toSbom({ name: 'gpulab', version }, [bun, ...npm.components], time),
  )
  tell('sbom.cdx.json')
  for (const target of options.targets) {
    const program = join(outDirectory, `gpulab-${target.os}-${target.arch}`)
    await buildExecutable(target, program)
    await requireFormat(program, target)
    const entries = [
      { name: 'gpulab', source: { path: program }, isExecutable: true },
      { name: 'README.md', source: { text: readme } },
    ]
    await writeArchive(join(outDirectory, archiveName(target)), entries, time)
    await rm(program)
    tell(archiveName(target))
  }
  for (const name of await buildServices(outDirectory, { version, time })) tell(name)
  const names = (await readdir(outDirectory)).toSorted()
  const sums = await Promise.all(names.map((name) => checksumLine(join(outDirectory, name))))
  await writeFile(join(outDirectory, 'checksums.txt'), sums.join(''))
  tell('checksums.txt')
}

/** As `sha256sum` writes it, and `sha256sum -c` reads it. */
async function checksumLine(path: string): Promise<string> {
  return `${createHash('sha256')
    .update(await readFile(path))
    .digest('hex')}  ${basename(path)}\n`
}

async function requireFormat(path: string, target: Target): Promise<void> {
  await using file = await open(path)
  const { buffer } = await file.read(Buffer.alloc(20), 0, 20, 0)
  const is = readTarget(buffer)
  if (is?.os !== target.os || is.arch !== target.arch)
    throw new Error(`${path} was built for ${is ? `${is.os}/${is.arch}` : 'no known system'}`)
}

async function readBunVersion(): Promise<string> {
  const text = await readFile(new URL('../node_modules/bun/package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
