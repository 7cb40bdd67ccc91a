import { readFile } from 'node:fs/promises'
import { tryCommand } from '@gpulab/images'

/** Unmounts everything below the given folders, the deepest first. */
export async function unmountBelow(folders: readonly string[]): Promise<void> {
  const points = (await listMountPoints()).filter((point) =>
    folders.some((folder) => point.startsWith(`${folder}/`)),
  )
  for (const point of points.toReversed()) {
    const { exitCode } = await tryCommand('umount', [point])
    if (exitCode !== 0) await tryCommand('umount', ['--lazy', point])
  }
}

/** Lists mount points in the order in which they were mounted. */
export async function listMountPoints(): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8')
  return table
    .split('\n')
    .filter(Boolean)
    .map((line) =>
      (line.split(' ')[4] ?? '').replaceAll(/\\(\d{3})/g, (_, octal: string) =>
        String.fromCharCode(parseInt(octal, 8)),
      ),
    )
}
