import { describe, expect, it } from 'vitest'
import { findComponents, toSbom } from './sbom.ts'

describe('findComponents', () => {
  it('reads names and versions from where modules are, each once', () => {
    const store = '/x/node_modules/.pnpm'
    expect(
      findComponents([
        `${store}/@oclif+core@5.1.9/node_modules/@oclif/core/lib/index.js`,
        `${store}/@oclif+core@5.1.9/node_modules/@oclif/core/lib/command.js`,
        `${store}/zod@4.6.7/node_modules/zod/index.js`,
        `${store}/drizzle-orm@1.0.0-rc.5_postgres@3.4.9/node_modules/drizzle-orm/index.js`,
        '/x/apps/cli/src/main.ts',
        '\0trim:debug',
      ]),
    ).toEqual([
      { name: '@oclif/core', version: '5.1.9' },
      { name: 'drizzle-orm', version: '1.0.0-rc.5' },
      { name: 'zod', version: '4.6.7' },
    ])
  })
})

describe('toSbom', () => {
  it('names each component in a way that scanners look up', () => {
    const text = toSbom(
      { name: 'gpulab', version: '1.0.0' },
      [{ name: '@oclif/core', version: '5.1.9' }],
      new Date(0),
    )
    expect(JSON.parse(text)).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      metadata: { timestamp: '1970-01-01T00:00:00.000Z', component: { name: 'gpulab', version: '1.0.0' } },
      components: [{ purl: 'pkg:npm/%40oclif/core@5.1.9' }],
      dependencies: [{ ref: 'gpulab@1.0.0', dependsOn: ['@oclif/core@5.1.9'] }],
    })
  })
})
