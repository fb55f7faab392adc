import type { Json } from './integration.ts';
import { evaluationFailed, type Visit, value, wrongType } from './state-visit.ts';

/** As $states.context.Map.Item has it, but for the index. */
export interface MapItem {
  /** of an item of an object */
  Key?: string;
  Value: Json;
}

/**
 * What a Map goes through: a list; a DISTRIBUTED one also an object, member by member, and batches if it has an
 * ItemBatcher. @throws StateFailed
 */
export async function itemsOf(visit: Visit, mode: 'INLINE' | 'DISTRIBUTED'): Promise<MapItem[]> {
  const { state, input } = visit;
  const template = state.Items;
  const found = template === undefined ? input : await value(visit, template, 'Items');
  const items = listOf(found, mode === 'DISTRIBUTED');
  if (!items) throw wrongType(visit, template ?? null, 'Items', 'array', found);
  return state.ItemBatcher ? batchesOf(visit, items) : items;
}

function listOf(found: Json, alsoObjects: boolean): MapItem[] | undefined {
  if (Array.isArray(found)) return found.map((Value) => ({ Value }));
  if (!alsoObjects || found === null || typeof found !== 'object') return undefined;
  return Object.entries(found).map(([Key, Value]) => ({ Key, Value }));
}

async function batchesOf(visit: Visit, items: MapItem[]): Promise<MapItem[]> {
  const { MaxItemsPerBatch, BatchInput } = visit.state.ItemBatcher!;
  const field = 'ItemBatcher/MaxItemsPerBatch';
  const most = await value(visit, MaxItemsPerBatch, field);
  if (typeof most !== 'number') throw wrongType(visit, MaxItemsPerBatch, field, 'number', most);
  if (!Number.isInteger(most) || most < 1)
    throw evaluationFailed(visit, `${field} must be a whole number from 1, but was ${most}.`, field);
  const common =
    BatchInput === undefined ? {} : { BatchInput: await value(visit, BatchInput, 'ItemBatcher/BatchInput') };
  return Array.from({ length: Math.ceil(items.length / most) }, (_, at) => {
    const batch = items.slice(at * most, (at + 1) * most);
    const Items = batch.map((item) => (item.Key === undefined ? item.Value : { Key: item.Key, Value: item.Value }));
    return { Value: { Items, ...common } };
  });
}
