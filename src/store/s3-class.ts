/** Classes whose objects have to be thawed before they can be read. https://docs.aws.amazon.com/AmazonS3/latest/userguide/glacier-storage-classes.html */
const archives = new Set(['GLACIER', 'DEEP_ARCHIVE']);

/** By its class alone, as a listing tells it. */
export const archivedIn = (storageClass: string | undefined): { archived?: string } =>
  storageClass !== undefined && archives.has(storageClass) ? { archived: storageClass } : {};

/** `restore` is what HEAD says of a copy that was asked for: `ongoing-request="true"`, or the day until which it can be read. */
export const unthawedIn = (storageClass: string | undefined, restore: string | undefined): { archived?: string } =>
  restore?.includes('ongoing-request="false"') ? {} : archivedIn(storageClass);
