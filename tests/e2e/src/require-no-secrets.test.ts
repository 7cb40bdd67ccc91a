import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { requireNoSecrets } from './require-no-secrets.ts'

it.each([
  ['an API key', '{"authorization":"Bearer gpulab_1BvVrLez_g3U05VGne8cmzkV6ymeZJV4Y0"}'],
  ['a signed link', 'GET /?gpulab_access=gpulabgrant_eyJjb250YWluZXJVdWlkIjoiMDhjYjF'],
  ['the ticket of a host', 'authorization: Bearer gpulabuplink_AAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
  ['a key from a file', 'the key is 0123456789abcdef'],
])('finds %s in a log', async (_name, line) => {
  const dir = await mkdtemp(join(tmpdir(), 'gpulab-secrets-'))
  onTestFinished(() => rm(dir, { recursive: true }))
  await writeFile(join(dir, 'gateway-key'), '0123456789abcdef\n')
  await writeFile(
    join(dir, 'api.log'),
    'gpulab_placement_duration_seconds_count, a folder gpulab-e2e-VtPxOA\n',
  )
  await requireNoSecrets(dir)
  await writeFile(join(dir, 'gateway-7080.log'), `{"msg":"ready"}\n${line}\n`)
  await expect(requireNoSecrets(dir)).rejects.toThrow('gateway-7080.log has 1 secrets')
})
