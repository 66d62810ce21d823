//! Text in columns.

/// Rows below a head; the first column starts at the left, columns named in `right` end at the right.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    let mut all = vec![head.iter().map(ToString::to_string).collect::<Vec<_>>()];
    all.extend(rows.iter().cloned());
    let columns = all.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            all.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut lines = Vec::new();
    for row in &all {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let pad = " ".repeat(widths[column] - cell.chars().count());
            if right.contains(&column) {
                format!("{pad}{cell}")
            } else {
                format!("{cell}{pad}")
            }
        });
        lines.push(
            format!("  {}", cells.collect::<Vec<_>>().join("  "))
                .trim_end()
                .to_owned(),
        );
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up_whatever_the_cells() {
        let rows = [
            vec!["acme".to_owned(), "7".to_owned()],
            vec!["fahrräder".to_owned(), "12".to_owned()],
        ];
        assert_eq!(
            table(&["tenant", "n"], &rows, &[1]),
            "  tenant      n\n  acme        7\n  fahrräder  12"
        );
    }
}
