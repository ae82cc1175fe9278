/** The colours of pages and charts, on light and on dark paper. */

/** Paper, writing, rules, and the three inks of curves and patches. */
export interface Colours {
  readonly paper: string;
  readonly ink: string;
  readonly soft: string;
  readonly rule: string;
  /** Of a patch without a share. */
  readonly empty: string;
  readonly blue: string;
  readonly orange: string;
  readonly purple: string;
}

/** On light paper. */
export const LIGHT: Colours = {
  ...{ paper: "#fbfbf9", ink: "#1d2329", soft: "#5a646e", rule: "#d9dcdf", empty: "#eceeef" },
  ...{ blue: "#0b6fa4", orange: "#c8501e", purple: "#7b3fa0" },
};

/** On dark paper. */
export const DARK: Colours = {
  ...{ paper: "#14181c", ink: "#e6e9ec", soft: "#a3adb7", rule: "#333b43", empty: "#262d34" },
  ...{ blue: "#4db3e6", orange: "#f08a52", purple: "#c48be8" },
};
