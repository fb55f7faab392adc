import type { EvidenceTable } from '#model/evidence-table';

export interface EvidencePage {
  title: string;
  /** above the table, one paragraph each */
  remarks: readonly string[];
  table: EvidenceTable;
}

/**
 * One HTML file that needs no other: nothing is loaded, nothing runs (its policy says so to the browser, too), and whatever
 * people wrote is text.
 */
export function printEvidencePage({ title, remarks, table }: EvidencePage): string {
  const { columns, rows } = table;
  const cells = (row: readonly string[], tag: 'td' | 'th') =>
    row.map((one) => `<${tag}>${asText(one)}</${tag}>`).join('');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${asText(title)}</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; }
table { border-collapse: collapse; }
th, td { border: 1px solid #999; padding: .25rem .5rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { background: #eee; position: sticky; top: 0; }
@media print { th { position: static; } body { margin: 0; font-size: 9px; } }
</style>
</head>
<body>
<h1>${asText(title)}</h1>
${remarks.map((remark) => `<p>${asText(remark)}</p>`).join('\n')}
<table>
<thead><tr>${cells(columns, 'th')}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n')}
</tbody>
</table>
</body>
</html>
`;
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const asText = (value: string): string => value.replace(/[&<>"']/g, (character) => entities[character]!);
