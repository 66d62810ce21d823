//! Sites' own plugins and themes before anything is written: their zips fetched and looked into, and judged by what the site's
//! image runs.

mod fetch;
mod judge;
mod look;

pub use fetch::fetch;
pub use judge::{Judgement, Versions, judge};
pub use look::look;

use crate::manifest::{Package, Site};
use site_job::package::Sort;

/// All packages of a site.
pub fn packages(site: &Site) -> impl Iterator<Item = (Sort, &Package)> {
    let plugins = site
        .code
        .plugins
        .iter()
        .map(|plugin| (Sort::Plugin, plugin));
    let themes = site.code.themes.iter().map(|theme| (Sort::Theme, theme));
    plugins.chain(themes)
}
