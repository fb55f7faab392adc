export { formatBytes } from '#model/format-bytes';
