import { api, listEndpoints } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { createOpenApi } from './openapi.ts'
import { renderReference } from './reference-page.ts'

const document = createOpenApi(api, { title: 'Test', version: '1.2.3', description: 'a <b>' })

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly security: unknown[]
  readonly responses: Record<string, { content?: Record<string, { schema: object }> }>
}
const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
  Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({
    path,
    method,
    operation,
  })),
)

/** Every $ref in the document. */
const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(
  ([, reference]) => reference ?? '',
)

describe('the OpenAPI document', () => {
  it('has one operation for each endpoint, and is of version 3.1', () => {
    expect(document.openapi).toBe('3.1.1')
    const wanted = listEndpoints(api).map(({ name }) => name)
    expect(operations.map(({ operation }) => operation.operationId).toSorted()).toEqual(wanted.toSorted())
  })

  it.each(operations)(
    '$method $path says what it does, who may call, and how it fails',
    ({ operation, path }) => {
      expect(operation.summary).not.toBe('')
      expect(operation.security.length).toBeGreaterThan(0)
      const statuses = Object.keys(operation.responses)
      expect(statuses.some((status) => status.startsWith('2') || status === '101')).toBe(true)
      expect(statuses).toEqual(expect.arrayContaining(['400', '401', '403', '500']))
      expect(path).not.toContain(':')
    },
  )

  it('refers to nothing that is not there, and leaves nothing unused', () => {
    const names = Object.keys(document.components?.schemas ?? {})
    const used = references.map((reference) => reference.replace('#/components/schemas/', ''))
    expect(used.filter((name) => !names.includes(name))).toEqual([])
    expect(names.filter((name) => !used.includes(name))).toEqual([])
  })

  it('keeps answers open for new fields and requests closed to typing mistakes in values', () => {
    const { Container } = document.components?.schemas ?? {}
    expect(Container).not.toHaveProperty('additionalProperties')
  })
})

describe('the reference page', () => {
  const page = renderReference(document)

  it('shows every endpoint and escapes what it is given', () => {
    for (const { path } of operations) expect(page).toContain(path)
    expect(page).toContain('a &#60;b&#62;')
  })

  it('loads nothing from elsewhere and runs no script', () => {
    expect(page).not.toMatch(/<script|src=|url\(|https?:\/\//)
  })
})
