import { findProgram, holdMachineLock, installPackages } from '@gpulab/images'
import { type Browser, chromium } from 'playwright-core'

/** The distribution's Chromium, without a window; installed where it is missing. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = (await findChromium()) ?? (await install())
  // As root it refuses to run with its sandbox; what it loads here is our own.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--no-proxy-server', '--disable-gpu'] })
}

async function findChromium(): Promise<string | undefined> {
  return (await findProgram('chromium')) ?? (await findProgram('google-chrome'))
}

async function install(): Promise<string> {
  await using _ = await holdMachineLock('installation of Chromium', 600_000)
  const missing = (await findChromium()) === undefined
  if (missing) await installPackages(['chromium'], 'The test of the terminal page')
  const found = await findChromium()
  if (found === undefined) throw new Error('There is no Chromium, although its package is installed.')
  return found
}
