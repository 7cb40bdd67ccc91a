import { Config } from '@oclif/core/config'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BaseCommandClass } from '../src/base-command.ts'
import { commands } from '../src/commands.ts'
import { renderReference } from '../src/help/reference.ts'

process.env['NO_COLOR'] = '1'
const folder = join(import.meta.dirname, '../../../docs/cli')
const config = await Config.load({
  root: import.meta.dirname,
  pjson: {
    name: 'gpulab',
    version: '0.0.0',
    oclif: { bin: 'gpulab', dirname: 'gpulab', topicSeparator: ' ' },
  },
  ignoreManifest: true,
})
const pages = await renderReference(config)

/** `vitest run --project unit apps/cli/test/reference -u` writes them. */
describe('docs/cli', () => {
  it.each([...pages])('has %s as the command itself says', async (name, text) => {
    await expect(text).toMatchFileSnapshot(join(folder, name))
  })

  it('has no page of a command that is gone', () => {
    expect(readdirSync(folder).filter((name) => !pages.has(name))).toEqual([])
  })
})

describe.each(Object.entries(commands))('gpulab %s', (_, { summary, load }) => {
  it('has a summary, examples that call it, and the flags of every command', async () => {
    const { default: loaded } = await load()
    const CommandClass: BaseCommandClass = loaded
    expect(summary).toMatch(/^[A-Z].*[^.]$/)
    expect(CommandClass.examples.length).toBeGreaterThan(0)
    for (const example of CommandClass.examples) expect(String(example)).toContain('gpulab ')
    expect(Object.keys(CommandClass.baseFlags)).toEqual(expect.arrayContaining(['json', 'quiet']))
  })
})
