/**
 * How S3 moves objects to cheaper classes as they age: by the prefix of their source and this tag. Parts and whole segments of WAL have it;
 * manifests, indices and everything that is read to plan a restore have not, and stay where they can be read at once.
 * The rules themselves: src/stack/storage.ts.
 */
export const tierTag = 'lifeboat-tier';
export const coldTier = 'cold';

/** What a put of a part or of WAL says. */
export const coldTags = { [tierTag]: coldTier } as const;
