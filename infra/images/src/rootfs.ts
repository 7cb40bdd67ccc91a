import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { downloadPackage, findBusybox } from './download-package.ts'
import {
  findCaBundle,
  findProgram,
  installPackages,
  listPrivateAuthorities,
  readPackageSources,
  readTransportOptions,
} from './machine-packages.ts'
import { runCommand } from './run-command.ts'

const leftOut = ['doc', 'man', 'info', 'locale', 'lintian', 'bash-completion']

/** A small Debian (or Ubuntu, as the machine is) out of its packages, as a tar file. Takes 16 to 40 seconds. */
export async function makeDebianRootfs(tarFile: string, workFolder: string): Promise<void> {
  if (!(await findProgram('mmdebstrap'))) await installPackages(['mmdebstrap'], 'Building stand-in images')
  const certificates = join(workFolder, 'ca')
  const configuration = join(workFolder, 'sources.list')
  await mkdir(certificates)
  for (const file of await listPrivateAuthorities())
    await copyFile(file, join(certificates, file.split('/').at(-1) ?? ''))
  const bundle = join(workFolder, 'ca-certificates.crt')
  const trusted = await findCaBundle()
  await writeFile(bundle, trusted ?? '')
  await writeFile(configuration, await readPackageSources())
  const suite = /^VERSION_CODENAME=(\S+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? 'stable'
  const hooks = [
    'mkdir -p "$1/usr/local/share/ca-certificates" "$1/etc/ssl/certs"',
    `sync-in ${certificates} /usr/local/share/ca-certificates`,
    ...(trusted ? [`upload ${bundle} /etc/ssl/certs/ca-certificates.crt`] : []),
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*.log "$1"/var/log/apt',
  ]
  await runCommand(
    'mmdebstrap',
    [
      '--quiet',
      '--variant=minbase',
      '--include=libatomic1,libstdc++6',
      ...leftOut.map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
      ...(await readTransportOptions()).map((line) => `--aptopt=${line}`),
      ...hooks.map((hook) => `--customize-hook=${hook}`),
      suite,
      tarFile,
      configuration,
    ],
    { timeoutMs: 300_000 },
  )
}

/** Debian's static busybox with a link for each of its programs, as a tar file. Takes about a second. */
export async function makeBusyboxRootfs(tarFile: string, workFolder: string): Promise<void> {
  const root = join(workFolder, 'root')
  await downloadPackage('busybox-static', join(workFolder, 'package'))
  for (const name of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'usr/bin', 'var']) {
    await mkdir(join(root, name), { recursive: true })
  }
  const busybox = await findBusybox(join(workFolder, 'package'))
  await copyFile(busybox, join(root, 'bin/busybox'))
  const programs = (await runCommand(busybox, ['--list']))
    .split('\n')
    .filter((name) => name && name !== 'busybox')
  for (const name of programs) await symlink('busybox', join(root, 'bin', name))
  await symlink('/bin/env', join(root, 'usr/bin/env'))
  await writeFile(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n',
  )
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n')
  await runCommand('chmod', ['1777', join(root, 'tmp')])
  await runCommand('tar', [
    '--create',
    '--file',
    tarFile,
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '-C',
    root,
    '.',
  ])
}

/** Makes a folder for a build and removes it afterwards. */
export async function withWorkFolder<T>(parent: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(parent, 'work-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
