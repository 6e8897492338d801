import type { Trend } from '../report-definition.js';
import { setFont, type Doc } from './pdf-fonts.js';
import { ensureRoom, FAINT, INK, leftOf, RULE, widthOf } from './pdf-page.js';

const HEIGHT = 130;
const AXIS = 36;
const COLORS = ['#2f6f9f', '#c8762b', '#4f8a4f', '#8a4f7d', '#7d7d3c', '#5b5b9f'];
/** Most labels under the axis. */
const LABELS = 8;

/** Bars over time: for each label one bar of every series, beside each other, over an axis that begins at zero. */
export function chart(doc: Doc, { labels, series }: Trend): void {
  ensureRoom(doc, HEIGHT + 50);
  const left = leftOf(doc) + AXIS;
  const width = widthOf(doc) - AXIS;
  const top = doc.y + 4;
  const highest = roundUp(Math.max(1, ...series.flatMap(({ values }) => values)));
  axis(doc, { left, top, width, highest });
  const step = width / Math.max(1, labels.length);
  const bar = (step * 0.8) / Math.max(1, series.length);
  series.forEach(({ values }, which) => {
    doc.fillColor(COLORS[which % COLORS.length]!);
    values.forEach((value, index) => {
      const height = (value / highest) * HEIGHT;
      if (height > 0)
        doc.rect(left + index * step + step * 0.1 + which * bar, top + HEIGHT - height, bar, height).fill();
    });
  });
  const every = Math.max(1, Math.ceil(labels.length / LABELS));
  doc.fontSize(7).fillColor(FAINT);
  labels.forEach((label, index) => {
    if (index % every !== 0) return;
    const shown = setFont(doc, 'regular', label);
    doc.text(shown, left + index * step, top + HEIGHT + 4, { width: step * every, lineBreak: false });
  });
  legend(
    doc,
    series.map(({ name }) => name),
    { left, top: top + HEIGHT + 18 },
  );
  doc.y = top + HEIGHT + 34;
}

type Frame = { readonly left: number; readonly top: number; readonly width: number; readonly highest: number };

function axis(doc: Doc, { left, top, width, highest }: Frame): void {
  for (const share of [0, 0.5, 1]) {
    const y = top + HEIGHT - share * HEIGHT;
    doc
      .moveTo(left, y)
      .lineTo(left + width, y)
      .lineWidth(0.4)
      .stroke(RULE);
    const label = setFont(doc, 'regular', String(highest * share));
    doc
      .fontSize(7)
      .fillColor(FAINT)
      .text(label, left - AXIS, y - 4, { width: AXIS - 6, align: 'right', lineBreak: false });
  }
}

function legend(doc: Doc, names: readonly string[], { left, top }: { left: number; top: number }): void {
  let x = left;
  doc.fontSize(8);
  names.forEach((name, which) => {
    const text = setFont(doc, 'regular', name);
    doc.rect(x, top + 1, 7, 7).fill(COLORS[which % COLORS.length]!);
    doc.fillColor(INK).text(text, x + 11, top, { lineBreak: false });
    x += 24 + doc.widthOfString(text);
  });
}

/** The next even number that begins with 1, 2, 4, 6 or 8 and goes on with zeros, so that half of it is whole. */
export function roundUp(value: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  const next = [1, 2, 4, 6, 8, 10].find((digit) => digit * magnitude >= value)! * magnitude;
  return next % 2 === 0 ? next : next * 2;
}
