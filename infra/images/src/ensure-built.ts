import { spawn } from 'node:child_process'
import { access, cp, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getBuild, toDefinition } from './definition.ts'
import { buildImage, findLabels, importImage, loadImage, saveImage } from './engine-images.ts'
import { copyForeignFiles } from './foreign-files.ts'
import { builtReference, getImage, imageName, imagesFolder, type ImageKey } from './image-list.ts'
import { holdMachineLock } from './machine-lock.ts'
import { makeBusyboxRootfs, makeDebianRootfs, withWorkFolder } from './rootfs.ts'

const definitionLabel = 'ai.gpulab.image-definition'

/** What a build needs: the engine that gets the image, and the folder of files that spare a second build. */
export interface BuildContext {
  dockerHost: string
  cacheDir: string
  log: (line: string) => void
}

/** Brings a built image into the engine: present, else from the cache, else built. Gives its reference. */
export async function ensureBuilt(context: BuildContext, key: ImageKey): Promise<string> {
  const reference = builtReference(key)
  const definition = await toDefinition(key)
  const isCurrent = async () =>
    (await findLabels(context.dockerHost, reference))?.[definitionLabel] === definition
  if (await isCurrent()) return reference
  const build = getBuild(key)
  const file = join(context.cacheDir, `${key}-${definition}.tar`)
  const labels = toLabels(key, definition)
  await mkdir(context.cacheDir, { recursive: true })
  if ('rootfs' in build) {
    await using _lock = await holdMachineLock(`image ${file}`, 600_000)
    if (!(await exists(file))) await makeRootfs(context, build.rootfs, file)
    await importImage(context.dockerHost, reference, file, toChanges(labels))
    return reference
  }
  const base = await ensureBuilt(context, build.from)
  await using _lock = await holdMachineLock(`image ${file}`, 600_000)
  if (build.folder !== undefined && (await exists(file))) await loadImage(context.dockerHost, file)
  else if (!(await isCurrent())) {
    await buildFolder(context, reference, { base, folder: build.folder, labels })
    if (build.folder !== undefined) await saveImage(context.dockerHost, reference, file)
  }
  return reference
}

function toLabels(key: ImageKey, definition: string): Record<string, string> {
  const labels = { [definitionLabel]: definition }
  if ('own' in getImage(key)) return labels
  return { ...labels, 'ai.gpulab.stand-in': 'true', 'ai.gpulab.stand-in-for': imageName(key) }
}

function toChanges(labels: Record<string, string>): string[] {
  return [
    'CMD ["sh"]',
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ...Object.entries(labels).map(([name, value]) => `LABEL ${name}=${JSON.stringify(value)}`),
  ]
}

async function makeRootfs(
  { cacheDir, log }: BuildContext,
  kind: 'busybox' | 'debian',
  file: string,
): Promise<void> {
  log(`making a ${kind} root file system from the distribution's packages`)
  const make = kind === 'debian' ? makeDebianRootfs : makeBusyboxRootfs
  await withWorkFolder(cacheDir, async (work) => {
    const made = join(work, 'rootfs.tar')
    await make(made, work)
    await rename(made, file)
  })
}

async function buildFolder(
  { dockerHost, cacheDir, log }: BuildContext,
  reference: string,
  { base, folder, labels }: { base: string; folder: string | undefined; labels: Record<string, string> },
): Promise<void> {
  log(`building ${reference}`)
  await withWorkFolder(cacheDir, async (work) => {
    if (folder === undefined) await writeFile(join(work, 'Dockerfile'), 'ARG BASE\nFROM ${BASE}\n')
    else {
      await cp(join(imagesFolder, 'stand-ins', folder), work, { recursive: true })
      await copyForeignFiles(folder, work)
    }
    const tar = spawn('tar', ['--create', '--owner=0', '--group=0', '--numeric-owner', '-C', work, '.'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await buildImage(dockerHost, reference, { context: tar.stdout, labels, args: { BASE: base } })
  })
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
