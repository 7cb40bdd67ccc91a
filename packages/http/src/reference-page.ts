import type { OpenApiDocument } from './openapi.ts'

interface Operation {
  readonly summary?: string
  readonly 'x-scope'?: string
  readonly 'x-role'?: string
  readonly parameters?: readonly {
    name: string
    in: string
    required?: boolean
    description?: string
    schema?: object
  }[]
  readonly requestBody?: { content?: Record<string, { schema?: object }> }
  readonly responses?: Record<string, { description?: string; content?: Record<string, { schema?: object }> }>
}

const escape = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`)

const style = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:60rem;margin:2rem auto;padding:0 1rem}
section{border-top:1px solid #8884;padding:.5rem 0}
h2{font:600 1rem ui-monospace,monospace;margin:.5rem 0}
h2 b{display:inline-block;min-width:4.5rem}
pre{overflow:auto;background:#8881;padding:.75rem;border-radius:.4rem;font-size:.85rem}
code{font-family:ui-monospace,monospace}
td{vertical-align:top;padding:.1rem 1rem .1rem 0}
summary{cursor:pointer}`

/** A page for people from the OpenAPI document: no script, nothing loaded from elsewhere. */
export function renderReference(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) =>
      renderOperation(method, path, operation),
    ),
  )
  const schemas = Object.entries(document.components?.schemas ?? {}).map(
    ([name, schema]) =>
      `<section id="${escape(name)}"><h2>${escape(name)}</h2>${renderSchema(schema)}</section>`,
  )
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(document.info.title)}</title><style>${style}</style>
<h1>${escape(document.info.title)} ${escape(document.info.version)}</h1>
<p>${escape(document.info.description ?? '')}</p>
<p>Send a key as <code>api-key: gpulab_…</code> or <code>authorization: Bearer gpulab_…</code>.
The same as a document: <a href="/v1/openapi.json">/v1/openapi.json</a>.</p>
${operations.join('\n')}<h1>Objects</h1>${schemas.join('\n')}</html>`
}

function renderOperation(method: string, path: string, operation: Operation): string {
  const parameters = (operation.parameters ?? []).map(
    ({ name, in: place, required, description = '' }) =>
      `<tr><td><code>${escape(name)}</code><td>${escape(place)}${required ? ', required' : ''}<td>${escape(description)}`,
  )
  const responses = Object.entries(operation.responses ?? {}).map(
    ([status, { description = '', content }]) =>
      `<tr><td>${escape(status)}<td>${status < '400' ? linkOf(content) : ''} ${escape(description).replaceAll(/`([^`]+)`/g, '<code>$1</code>')}`,
  )
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema
  return `<section><h2><b>${escape(method.toUpperCase())}</b> ${escape(path)}</h2>
<p>${escape(operation.summary ?? '')}. Scope: <code>${escape(operation['x-scope'] ?? '')}</code>${operation['x-role'] ? `, role: <code>${escape(operation['x-role'])}</code>` : ''}</p>
${parameters.length > 0 ? `<table>${parameters.join('')}</table>` : ''}
${body ? `<details><summary>Body</summary>${renderSchema(body)}</details>` : ''}
<details><summary>Answers</summary><table>${responses.join('')}</table></details></section>`
}

function linkOf(content: Record<string, { schema?: object }> | undefined): string {
  const name = /"#\/components\/schemas\/(\w+)"/.exec(JSON.stringify(content ?? {}))?.[1]
  return name ? `<a href="#${escape(name)}">${escape(name)}</a>` : ''
}

const renderSchema = (schema: unknown): string => `<pre>${escape(JSON.stringify(schema, null, 2))}</pre>`
