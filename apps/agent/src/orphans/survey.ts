import { committedPattern, type CommittedImage, toCommittedImages } from '../containers/committed-images.ts'
import { type ObservedContainer, toObserved } from '../containers/labels.ts'
import type { Engine } from '../docker/connect.ts'
import { listContainers } from '../docker/containers.ts'
import { EngineError } from '../docker/errors.ts'
import { listImages } from '../docker/images.ts'
import type { TeamNetwork, TeamNetworks } from '../network/team-networks.ts'
import type { Found } from './find-orphans.ts'

interface SurveyDeps {
  readonly engine: Engine
  readonly networks: TeamNetworks
  /** Of this agent's networks; another agent on the same engine has another one. */
  readonly bridgePrefix: string
}

export interface Survey {
  readonly found: readonly Found[]
  /** By reference. */
  readonly images: ReadonlyMap<string, CommittedImage>
}

/** All that this agent has made and the engine still has. Whole, or rejected. */
export async function survey({ engine, networks, bridgePrefix }: SurveyDeps): Promise<Survey> {
  const isOurs = ({ network }: { network: string }): boolean => network.startsWith(`${bridgePrefix}-`)
  const listed = await listContainers(engine)
  const stuck = listed.find(({ isStuck }) => isStuck)
  if (stuck) throw new EngineError(`there is no answer about ${stuck.name}.`, undefined, undefined)
  const containers = listed
    .map(toObserved)
    .filter((container) => container !== undefined)
    .filter(isOurs)
  const images = (await listImages(engine, committedPattern())).flatMap(toCommittedImages).filter(isOurs)
  const found = [...containers.map(fromContainer), ...images.map(fromImage)]
  return {
    found: [...found, ...(await networks.list()).map(fromNetwork)],
    images: new Map(images.map((image) => [image.reference, image])),
  }
}

const fromContainer = ({ id, name, uuid, createdAt }: ObservedContainer): Found => ({
  kind: 'container',
  ref: id,
  name,
  owner: uuid,
  createdAt,
})
const fromImage = ({ reference, uuid, createdAt }: CommittedImage): Found => ({
  kind: 'image',
  ref: reference,
  name: reference,
  owner: uuid,
  createdAt,
})
const fromNetwork = ({ id, name, team, createdAt }: TeamNetwork): Found => ({
  kind: 'network',
  ref: id,
  name,
  owner: team,
  createdAt,
})
