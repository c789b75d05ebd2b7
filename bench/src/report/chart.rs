//! The charts of a run as one SVG, readable on light and on dark pages. A few shapes and words; owns
//! their places.

use std::fmt::Write as _;

use super::{Bar, Chart, Section, figure};

/// The width of the picture, in the units of its coordinates, as are all numbers here.
const WIDTH: u16 = 760;
/// Where the bars begin.
const LEFT: f64 = 215.0;
/// The length of the longest bar.
const LONGEST: f64 = 450.0;
/// From one bar to the next.
const STEP: f64 = 28.0;
/// How thick a bar is.
const THICK: f64 = 18.0;
/// The room of a figure.
const FIGURE: f64 = 70.0;
/// The title of a chart, with the space around it.
const TITLE: f64 = 56.0;

/// One look for light pages and one for dark ones, chosen by the reader's browser.
const STYLE: &str = "\
text{font:14px system-ui,sans-serif;fill:#1f2328}\
.title{font-weight:600;font-size:15px}\
.label{text-anchor:end}\
.faint{fill:#59636e;font-size:12px}\
.ours{fill:#0969da}.peer{fill:#8c959f}.limit{stroke:#bc4c00;stroke-width:2}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.faint{fill:#9198a1}.ours{fill:#4493f8}.peer{fill:#6e7681}.limit{stroke:#f0883e}}";

/// Draws the charts of the sections, one below the other; `None` where they have none.
pub fn draw(sections: &[Section]) -> Option<String> {
    let charts: Vec<&Chart> = sections.iter().filter_map(|section| section.chart.as_ref()).collect();
    let mut body = String::new();
    let top = charts.iter().fold(0.0, |top, chart| draw_chart(&mut body, chart, top));
    (!charts.is_empty()).then(|| {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top:.0}\" width=\"{WIDTH}\" role=\"img\" \
         aria-label=\"Bailiwick beside its limits and its peers\">\n<style>{STYLE}</style>\n{body}</svg>\n"
        )
    })
}

/// Draws one below `top`; where it ends.
fn draw_chart(body: &mut String, chart: &Chart, top: f64) -> f64 {
    let most =
        chart.bars.iter().map(|bar| bar.value.max(bar.limit.unwrap_or_default())).fold(f64::MIN_POSITIVE, f64::max);
    // A String takes all that is written to it.
    let _ = writeln!(body, "<text class=\"title\" x=\"16\" y=\"{:.0}\">{}</text>", top + 30.0, escaped(chart.title));
    let mut y = top + TITLE - 10.0;
    for bar in &chart.bars {
        draw_bar(body, bar, y, LONGEST / most);
        y += STEP;
    }
    if chart.bars.iter().any(|bar| bar.limit.is_some()) {
        let (line, words) = (y + 4.0, y + 9.0);
        let _ = writeln!(
            body,
            "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{LEFT}\" y1=\"{:.0}\" y2=\"{:.0}\"/>",
            line - 6.0,
            line + 8.0
        );
        let _ = writeln!(
            body,
            "<text class=\"faint\" x=\"{}\" y=\"{words:.0}\">what the processor signs at most</text>",
            LEFT + 8.0
        );
        y += STEP;
    }
    y
}

fn draw_bar(body: &mut String, bar: &Bar, y: f64, scale: f64) {
    let (length, class) = ((bar.value * scale).max(1.0), if bar.is_ours { "ours" } else { "peer" });
    let baseline = y + 14.0;
    let limit = bar.limit.map(|limit| LEFT + limit * scale);
    // The figure stands behind the bar, and behind the mark where that is close.
    let close = limit.filter(|limit| *limit - LEFT - length < FIGURE);
    let end = (LEFT + length).max(close.unwrap_or_default()) + 8.0;
    let _ = writeln!(
        body,
        "<text class=\"label\" x=\"{}\" y=\"{baseline:.0}\">{}</text>\
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.0}\" width=\"{length:.1}\" height=\"{THICK}\" rx=\"2\"/>\
         <text x=\"{end:.1}\" y=\"{baseline:.0}\">{}</text>",
        LEFT - 10.0,
        escaped(&bar.label),
        figure(bar.value)
    );
    if let Some(x) = limit {
        let (from, to) = (y - 2.0, y + THICK + 2.0);
        let _ = writeln!(body, "<line class=\"limit\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{from:.0}\" y2=\"{to:.0}\"/>");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
