export interface Component {
  readonly name: string
  readonly version: string
}

/** Packages that the modules of a bundle come from, by pnpm's folder names: `.pnpm/@oclif+core@5.1.9/…`. */
export function findComponents(moduleIds: readonly string[]): Component[] {
  const found = new Map<string, Component>()
  for (const id of moduleIds) {
    const folder = /\/node_modules\/\.pnpm\/[^/]+\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)
    const label = /\/node_modules\/\.pnpm\/([^/]+)\//.exec(id)?.[1]
    const name = folder?.[1]
    if (!name || !label) continue
    const version = /^[^@]*@([^(_]+)/.exec(label.slice(name.startsWith('@') ? 1 : 0))?.[1]
    if (version) found.set(`${name}@${version}`, { name, version })
  }
  return [...found.values()].toSorted((a, b) =>
    `${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1,
  )
}

/** CycloneDX 1.6. */
export const toSbom = (product: Component, components: readonly Component[], time: Date): string =>
  `${JSON.stringify(
    {
      $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      version: 1,
      metadata: {
        timestamp: time.toISOString(),
        component: { type: 'application', ...refOf(product), ...product },
      },
      components: components.map((component) => ({
        type: 'library',
        ...refOf(component),
        ...component,
        purl: purlOf(component),
      })),
      dependencies: [
        { ref: refOf(product)['bom-ref'], dependsOn: components.map((each) => refOf(each)['bom-ref']) },
      ],
    },
    null,
    2,
  )}\n`

const refOf = ({ name, version }: Component): { 'bom-ref': string } => ({ 'bom-ref': `${name}@${version}` })

const purlOf = ({ name, version }: Component): string => `pkg:npm/${name.replace('@', '%40')}@${version}`
