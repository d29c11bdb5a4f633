/** The collations that character sets have of themselves. */

/** The collation that goes without saying for a character set, as SHOW CREATE leaves it out. */
export function usualCollation(set: string): string {
  return USUAL[set] ?? `${set}_general_ci`
}

// --- internal ---

const USUAL: Readonly<Record<string, string>> = {
  utf8mb4: 'utf8mb4_0900_ai_ci',
  latin1: 'latin1_swedish_ci',
  binary: 'binary',
  dec8: 'dec8_swedish_ci',
  hp8: 'hp8_english_ci',
  swe7: 'swe7_swedish_ci',
  ujis: 'ujis_japanese_ci',
  sjis: 'sjis_japanese_ci',
  cp932: 'cp932_japanese_ci',
  eucjpms: 'eucjpms_japanese_ci',
  tis620: 'tis620_thai_ci',
  euckr: 'euckr_korean_ci',
  gb2312: 'gb2312_chinese_ci',
  gbk: 'gbk_chinese_ci',
  gb18030: 'gb18030_chinese_ci',
  big5: 'big5_chinese_ci',
}
