import { constants } from 'node:fs'
import { access, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand, systemPath, tryCommand } from './run-command.ts'

/** Finds a program as a shell with the system's folders on its PATH would. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of systemPath().split(':')) {
    const file = join(folder, name)
    const runnable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (runnable) return file
  }
  return undefined
}

/** Installs packages of the distribution without starting any service. Throws one sentence where it can't. */
export async function installPackages(names: readonly string[], reason: string): Promise<void> {
  const apt = await findProgram('apt-get')
  if (!apt || process.getuid?.() !== 0) {
    throw new Error(
      `${reason} needs the packages ${names.join(', ')}; install them, or run this as root on Debian or Ubuntu.`,
    )
  }
  // Package scripts ask this program before they start a service; 101 means no.
  const policy = '/usr/sbin/policy-rc.d'
  const own = await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' }).then(
    () => true,
    () => false,
  )
  try {
    await updatePackageLists()
    const env = {
      ...process.env,
      PATH: systemPath(),
      DEBIAN_FRONTEND: 'noninteractive',
      SYSTEMD_OFFLINE: '1',
    }
    await runCommand(apt, ['install', '-y', '--no-install-recommends', ...names], { timeoutMs: 600_000, env })
  } finally {
    if (own) await rm(policy, { force: true })
  }
}

/** Refreshes apt's package lists. */
export async function updatePackageLists(): Promise<void> {
  await runCommand('apt-get', ['-qq', 'update'], { timeoutMs: 300_000 })
}

/** The distribution's own package sources as apt knows them on this machine, one "deb" line each. */
export async function readPackageSources(): Promise<string> {
  const format = 'deb $(REPO_URI) $(RELEASE) $(COMPONENT) #$(ORIGIN)'
  const list = () => runCommand('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'])
  const own = (text: string) => text.split('\n').filter((line) => /#(Debian|Ubuntu)$/.test(line))
  let lines = own(await list())
  if (lines.length === 0) {
    await updatePackageLists()
    lines = own(await list())
  }
  if (lines.length === 0)
    throw new Error('apt has no package source of Debian or Ubuntu; see /etc/apt/sources.list.')
  return `${[...new Set(lines.map((line) => line.replace(/ #.*/, '')))].join('\n')}\n`
}

/** How this machine reaches its package sources: proxies, retries, date checks; one apt.conf line each. */
export async function readTransportOptions(): Promise<string[]> {
  const { stdout } = await tryCommand('apt-config', ['dump'])
  return stdout
    .split('\n')
    .filter((line) =>
      /^Acquire::(https?::Proxy|Retries|Check-Valid-Until|Check-Date)\b.* "[^"]+";$/i.test(line),
    )
}

/** The certificates that this machine trusts, with its private authorities; undefined where it has none. */
export async function findCaBundle(): Promise<string | undefined> {
  const files = [
    process.env.SSL_CERT_FILE,
    process.env.NODE_EXTRA_CA_CERTS,
    '/etc/ssl/certs/ca-certificates.crt',
  ]
  const texts = await Promise.all(
    files.filter((file) => file !== undefined).map((file) => readFile(file, 'utf8').catch(() => '')),
  )
  const bundle = texts.toSorted((a, b) => b.length - a.length)[0]
  return bundle || undefined
}

/** The machine's private certificate authorities, by file name. */
export async function listPrivateAuthorities(): Promise<string[]> {
  const folder = '/usr/local/share/ca-certificates'
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => name.endsWith('.crt')).map((name) => join(folder, name))
}
