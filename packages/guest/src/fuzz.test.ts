import { randomInt } from 'node:crypto'
import { runCommand } from '@gpulab/images'
import { beforeAll, expect, test } from 'vitest'
import { ensureFuzzerBuilt } from './ensure-guest-built.ts'

/** GPULAB_FUZZ_SECONDS makes a long run of it. */
const seconds = Number(process.env['GPULAB_FUZZ_SECONDS'] ?? 3)
let program: string

beforeAll(async () => {
  program = await ensureFuzzerBuilt()
}, 120_000)

test('mutated frames break no rule of memory', { timeout: (seconds + 30) * 1000 }, async () => {
  const seed = String(randomInt(2 ** 32))
  const run = runCommand(program, [String(seconds), seed], { timeoutMs: (seconds + 20) * 1000 })
  expect(await run, `seed ${seed}`).toMatch(/^\d{4,} steps\n$/)
})
