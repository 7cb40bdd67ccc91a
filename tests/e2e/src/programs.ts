import { fileURLToPath } from 'node:url'

export interface Programs {
  readonly api: string
  readonly agent: string
  readonly gateway: string
  readonly cli: string
}

export const checkout = fileURLToPath(new URL('../../..', import.meta.url))

export const programsOf = (root: string): Programs => ({
  api: `${root}/apps/api/bin/gpulab-api`,
  agent: `${root}/apps/agent/bin/gpulab-agent`,
  gateway: `${root}/apps/gateway/bin/gpulab-gateway`,
  cli: `${root}/apps/cli/bin/gpulab`,
})

const own = programsOf(checkout.replace(/\/$/, ''))

/** Of this checkout; `npm run test:full` puts a release's executable in the place of the sources. */
export const programs: Programs = {
  ...own,
  cli: process.env['GPULAB_TEST_CLI'] ?? own.cli,
  agent: process.env['GPULAB_TEST_AGENT'] ?? own.agent,
}
