/** Where the elements of a tensor lie: for each axis one or more steps through memory. */

/** Some elements of an axis at equal distances. */
export interface Factor {
  readonly extent: number;
  /** Elements from one to the next. */
  readonly stride: number;
}

/** Elements before the first one, and the factors of each axis, the outermost first; an axis of length 1 has none. */
export interface Layout {
  readonly offset: number;
  readonly axes: readonly (readonly Factor[])[];
}

/** Joins factors that one factor can stand for. */
function merged(factors: readonly Factor[]): readonly Factor[] {
  const result: Factor[] = [];
  for (const factor of factors) {
    if (factor.extent === 1) continue;
    const last = result.at(-1);
    if (last && last.stride === factor.extent * factor.stride) {
      result[result.length - 1] = { extent: last.extent * factor.extent, stride: factor.stride };
    } else result.push(factor);
  }
  return result;
}

/** One element after the other. */
export function contiguous(shape: readonly number[]): Layout {
  let stride = 1;
  const axes = shape.toReversed().map((extent) => {
    const axis = extent === 1 ? [] : [{ extent, stride }];
    stride *= extent;
    return axis;
  }).reverse();
  return { offset: 0, axes };
}

/** Whether the elements lie one after the other, without gaps. */
export function isContiguous({ axes }: Layout): boolean {
  const factors = merged(axes.flat());
  return factors.length === 0 || (factors.length === 1 && factors[0]!.stride === 1);
}

/** The same elements under another shape of as many; `undefined` where an axis would begin inside of a factor's step. */
export function reshape({ offset, axes }: Layout, shape: readonly number[]): Layout | undefined {
  const open = [...merged(axes.flat())].reverse();
  const result: (readonly Factor[])[] = [];
  for (const extent of shape) {
    const axis: Factor[] = [];
    for (let rest = extent; rest > 1;) {
      const factor = open.pop();
      if (factor === undefined) return undefined;
      if (rest % factor.extent === 0) {
        axis.push(factor);
        rest /= factor.extent;
      } else if (factor.extent % rest === 0) {
        const inner = factor.extent / rest;
        axis.push({ extent: rest, stride: factor.stride * inner });
        open.push({ extent: inner, stride: factor.stride });
        rest = 1;
      } else return undefined;
    }
    result.push(merged(axis));
  }
  return { offset, axes: result };
}

/** Axis `i` of the result is axis `perm[i]`. */
export function transpose({ offset, axes }: Layout, perm: readonly number[]): Layout {
  return { offset, axes: perm.map((axis) => axes[axis]!) };
}

/** The layout of which {@link transpose} makes the given one. */
export function untranspose({ offset, axes }: Layout, perm: readonly number[]): Layout {
  return { offset, axes: perm.map((_, axis) => axes[perm.indexOf(axis)]!) };
}

/** Some of the elements along one axis; `undefined` where they begin or end inside of a factor. */
export function slice(
  { offset, axes }: Layout,
  axis: number,
  { begin, size }: { readonly begin: number; readonly size: number },
): Layout | undefined {
  const [outer, ...rest] = axes[axis]!;
  if (outer === undefined) return { offset, axes };
  const inner = rest.reduce((product, { extent }) => product * extent, 1);
  if (begin % inner !== 0 || size % inner !== 0) return undefined;
  const kept = merged([{ extent: size / inner, stride: outer.stride }, ...rest]);
  return { offset: offset + begin / inner * outer.stride, axes: axes.with(axis, kept) };
}

/** {@link slice} along every axis. */
export function sliceAll(
  layout: Layout,
  begin: readonly number[],
  size: readonly number[],
): Layout | undefined {
  return begin.reduce<Layout | undefined>(
    (sliced, first, axis) => sliced && slice(sliced, axis, { begin: first, size: size[axis]! }),
    layout,
  );
}

/** The repetitions of a tensor in one that it is tiled to; `undefined` where {@link slice} has none. */
export function tiles(
  layout: Layout,
  shape: readonly number[],
  counts: readonly number[],
): readonly (Layout | undefined)[] {
  const starts = counts.reduce<readonly (readonly number[])[]>(
    (starts, count, axis) =>
      starts.flatMap((start) =>
        Array.from({ length: count }, (_, i) => [...start, i * shape[axis]!])
      ),
    [[]],
  );
  return starts.map((start) => sliceAll(layout, start, shape));
}

/**
 * The same axes, one after the other, of several layouts, each cut into the factors that all of them need.
 *
 * @param lists factors of each layout; all have as many elements
 * @returns for each layout as many factors, of the same extents; `undefined` where extents do not divide
 */
export function refine(
  lists: readonly (readonly Factor[])[],
): readonly (readonly Factor[])[] | undefined {
  const open = lists.map((list) => [...list]);
  const result: Factor[][] = lists.map(() => []);
  while (open.some((list) => list.length > 0)) {
    const extent = Math.min(...open.map((list) => list.at(-1)?.extent ?? Infinity));
    for (const [i, list] of open.entries()) {
      const factor = list.pop();
      if (factor === undefined || factor.extent % extent !== 0) return undefined;
      result[i]!.unshift({ extent, stride: factor.stride });
      const rest = factor.extent / extent;
      if (rest > 1) list.push({ extent: rest, stride: factor.stride * extent });
    }
  }
  return result;
}
