import { access, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { updatePackageLists } from './machine-packages.ts'
import { runCommand, tryCommand } from './run-command.ts'

/** Unpacks a package of the distribution into a folder, without installing it. Throws one sentence where it can't. */
export async function downloadPackage(name: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const work = await mkdtemp(join(folder, '.download-'))
  try {
    const script = 'cd "$1" && exec apt-get -qq -o APT::Sandbox::User=root download "$2"'
    const download = () => tryCommand('sh', ['-c', script, 'sh', work, name], { timeoutMs: 120_000 })
    if ((await download()).exitCode !== 0) {
      await updatePackageLists()
      const { exitCode, stderr } = await download()
      if (exitCode !== 0) throw new Error(`The package ${name} could not be downloaded: ${stderr.trim()}.`)
    }
    const [file = ''] = (await readdir(work)).filter((each) => each.endsWith('.deb'))
    await runCommand('dpkg-deb', ['-x', join(work, file), folder])
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** The program in the unpacked package `busybox-static`; releases differ in where it lies. */
export async function findBusybox(folder: string): Promise<string> {
  for (const place of ['bin/busybox', 'usr/bin/busybox']) {
    const file = join(folder, place)
    const isThere = await access(file).then(
      () => true,
      () => false,
    )
    if (isThere) return file
  }
  throw new Error('The package busybox-static has no busybox.')
}
