import { findProgram, holdMachineLock, installPackages, runCommand } from '@gpulab/images'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

/** The distribution's Chromium, without a window; installed where it is missing. */
export async function openBrowser(): Promise<Browser> {
  const [executablePath, shield] = await prepare()
  return chromium.launch({
    executablePath,
    // As root it refuses to run with its sandbox; what it loads here is our own.
    args: ['--no-sandbox', '--no-proxy-server', '--disable-gpu'],
    env: { ...process.env, LD_PRELOAD: shield },
  })
}

async function prepare(): Promise<[browser: string, shield: string]> {
  await using _ = await holdMachineLock('browser for tests', 600_000)
  return [(await findChromium()) ?? (await install()), await buildShield()]
}

async function findChromium(): Promise<string | undefined> {
  return (await findProgram('chromium')) ?? (await findProgram('google-chrome'))
}

async function install(): Promise<string> {
  await installPackages(['chromium'], 'The test of the terminal page')
  const found = await findChromium()
  if (found === undefined) throw new Error('There is no Chromium, although its package is installed.')
  return found
}

/** A library that keeps news of the machine's networks from the browser; no switch does. */
async function buildShield(): Promise<string> {
  if ((await findProgram('gcc')) === undefined)
    await installPackages(['gcc', 'libc6-dev'], 'A browser in tests')
  const source = join(import.meta.dirname, 'no-network-changes.c')
  const folder = join(import.meta.dirname, '../dist')
  const library = join(folder, 'no-network-changes.so')
  await mkdir(folder, { recursive: true })
  await runCommand('gcc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', `${library}.new`, source])
  // Another browser may have the old one open.
  await rename(`${library}.new`, library)
  return library
}
