/** Classes whose objects have to be thawed before they can be read. https://docs.aws.amazon.com/AmazonS3/latest/userguide/glacier-storage-classes.html */
const archives = new Set(['GLACIER', 'DEEP_ARCHIVE']);

/** `isThawed`: there is a copy of it that can be read for some days */
export const archivedIn = (storageClass: string | undefined, isThawed: boolean): { archived?: string } =>
  storageClass !== undefined && archives.has(storageClass) && !isThawed ? { archived: storageClass } : {};
