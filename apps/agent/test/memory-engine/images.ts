import { getContainer } from './containers.ts'
import { type MemoryImage, refusal, type World } from './world.ts'

const withTag = (reference: string): string =>
  reference.includes('@') || /:[^/]+$/.test(reference) ? reference : `${reference}:latest`

/** By name, or by the beginning of an id. */
export function findImage({ images }: World, reference: string): MemoryImage | undefined {
  const all = [...images.values()]
  const named = all.find(({ tags }) => tags.includes(withTag(reference)))
  const digits = reference.replace(/^sha256:/, '')
  return named ?? all.find(({ id }) => /^[0-9a-f]+$/.test(digits) && id.startsWith(`sha256:${digits}`))
}

function getImage(world: World, reference: string): MemoryImage {
  const image = findImage(world, reference)
  if (!image) throw refusal(404, `No such image: ${reference}`)
  return image
}

export function addImage(
  world: World,
  reference: string,
  config: Partial<MemoryImage['config']> = {},
  rest: Partial<Pick<MemoryImage, 'parent' | 'files'>> = {},
): MemoryImage {
  const tag = withTag(reference)
  const image: MemoryImage = {
    id: `sha256:${world.newId()}`,
    tags: [tag],
    parent: rest.parent,
    createdAt: Math.floor(world.clock.now() / 1000),
    config: { Env: [], Cmd: null, Entrypoint: null, Labels: {}, Volumes: {}, ...config },
    files: rest.files ?? new Map(),
  }
  for (const other of world.images.values()) other.tags = other.tags.filter((each) => each !== tag)
  world.images.set(image.id, image)
  return image
}

export function inspectImage(world: World, reference: string): object {
  const { id, tags, config } = getImage(world, reference)
  return structuredClone({ Id: id, RepoTags: tags, RepoDigests: [], Config: config })
}

export function listImages({ images }: World, patterns: readonly string[]): object[] {
  const matches = (tag: string): boolean =>
    patterns.length === 0 || patterns.some((pattern) => toExpression(pattern).test(tag))
  const isParent = ({ id }: MemoryImage): boolean => [...images.values()].some(({ parent }) => parent === id)
  return [...images.values()]
    .filter((image) =>
      image.tags.length > 0 ? image.tags.some(matches) : patterns.length === 0 && !isParent(image),
    )
    .map(({ id, tags, config, createdAt }) => ({
      Id: id,
      RepoTags: tags.length > 0 ? tags.filter(matches) : ['<none>:<none>'],
      Labels: { ...config.Labels },
      Created: createdAt,
    }))
}

/** As path.Match of Go, on a name with or without its tag. */
const toExpression = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '[^/]*')}(:[^/:]*)?$`,
  )

export function removeImage(world: World, reference: string, force: boolean): void {
  const image = getImage(world, reference)
  const users = [...world.containers.values()].filter(({ imageId }) => imageId === image.id)
  const isByName = image.tags.includes(withTag(reference))
  const isLast = image.tags.length <= 1
  if (users.length > 0 && isLast && !force) {
    throw refusal(409, `conflict: unable to remove repository reference "${reference}" (must force)`)
  }
  image.tags = isByName ? image.tags.filter((tag) => tag !== withTag(reference)) : []
  if (!users.some(({ status }) => status === 'running')) removeUnnamed(world, image.id)
}

/** Images without a name go when nothing stands on them any more, and then what they stood on. */
export function removeUnnamed(world: World, id: string): void {
  const image = world.images.get(id)
  if (!image || image.tags.length > 0) return
  if ([...world.images.values()].some(({ parent }) => parent === id)) return
  world.images.delete(id)
  if (image.parent !== undefined) removeUnnamed(world, image.parent)
}

export interface CommitOptions {
  readonly _query: { readonly container: string; readonly repo: string; readonly tag: string }
  readonly _body?: {
    readonly Labels?: Readonly<Record<string, string>>
    readonly Volumes?: Readonly<Record<string, object>>
  }
}

export function commitContainer(world: World, { _query, _body = {} }: CommitOptions): { Id: string } {
  const { config, imageId, files } = getContainer(world, _query.container)
  const { id } = addImage(
    world,
    `${_query.repo}:${_query.tag}`,
    {
      Env: config.Env,
      Cmd: config.Cmd,
      Entrypoint: config.Entrypoint,
      Labels: { ...config.Labels, ..._body.Labels },
      Volumes: { ...config.Volumes, ..._body.Volumes },
    },
    { parent: imageId, files: new Map(files) },
  )
  return { Id: id }
}

/** The lines of the engine's report. */
export function pullImage(world: World, reference: string): object[] {
  const config = world.registry.get(reference)
  if (!config) throw refusal(404, `manifest for ${reference} not found: manifest unknown: manifest unknown`)
  addImage(world, reference, config)
  return [
    { status: `Pulling from ${reference}` },
    { status: `Status: Downloaded newer image for ${reference}` },
  ]
}
