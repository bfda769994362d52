//! Export as Parquet files.
//!
//! The writer is our own, because the crate `parquet` changes features of a crate that the tensor library is built with. It writes
//! what tables of this program need: flat rows of optional numbers and texts, plain values, one page a column and row group,
//! compressed with gzip. The format is that of <https://parquet.apache.org/docs/file-format/>, version 1.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use gansweep_base::leb128;
use gansweep_protocol::Metric;
use serde_json::{Map, Value};

use super::columns::{ColumnKind, ColumnType, type_of};
use super::entity::Entity;
use super::folder;
use super::thrift::Struct;
use crate::{Cell, Reader, RowSink, StoreError};

const MAGIC: &[u8; 4] = b"PAR1";
/// Rows that are held in memory, and become a row group.
const ROWS: usize = 65_536;
/// `CompressionCodec.GZIP`.
const GZIP: i32 = 2;
/// `Encoding.PLAIN` and `Encoding.RLE`.
const PLAIN: i32 = 0;
const RLE: i32 = 3;
/// `FieldRepetitionType.OPTIONAL`.
const OPTIONAL: i32 = 1;
/// `ConvertedType.UTF8`.
const UTF8: i32 = 0;

impl ColumnKind {
    /// `Type.INT64`, `Type.DOUBLE` and `Type.BYTE_ARRAY`.
    const fn physical(self) -> i32 {
        match self {
            Self::Integer => 2,
            Self::Real => 5,
            Self::Text => 6,
        }
    }
}

/// Writes the rows of an SQL statement over the views. Memory is bounded by the size of a row group. The file's metadata has the key
/// `gansweep.units`: a JSON object of the columns' units, and under `metrics` those of all metrics.
///
/// # Errors
/// Those of [`Reader::stream`]; [`StoreError::Output`] if the output cannot be written.
pub fn parquet(reader: &Reader, sql: &str, output: &mut dyn Write) -> Result<(), StoreError> {
    let mut file = ParquetFile { output, written: 0, columns: Vec::new(), rows: 0, groups: Vec::new() };
    reader.stream(sql, &mut file)
}

/// Writes a file for each entity into a folder, and returns their paths.
///
/// # Errors
/// [`StoreError::OutputFile`], and those of [`Reader::stream`].
pub fn parquet_folder(
    reader: &Reader,
    entities: &[Entity],
    sweep: Option<&str>,
    folder: &Path,
) -> Result<Vec<PathBuf>, StoreError> {
    let write = |entity: &Entity| {
        let path = folder.join(format!("{}.parquet", entity.name()));
        folder::write(&path, |output| parquet(reader, &entity.sql(sweep), output))?;
        Ok(path)
    };
    entities.iter().map(write).collect()
}

struct ParquetFile<'o> {
    output: &'o mut dyn Write,
    written: u64,
    columns: Vec<Column>,
    rows: usize,
    groups: Vec<RowGroup>,
}

/// The values of a column in the row group that is being filled.
struct Column {
    declared: ColumnType,
    present: Vec<bool>,
    /// Of the values that are present.
    plain: Vec<u8>,
}

struct RowGroup {
    rows: usize,
    chunks: Vec<Chunk>,
}

struct Chunk {
    offset: u64,
    values: usize,
    plain_bytes: usize,
    stored_bytes: usize,
}

impl ParquetFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.output.write_all(bytes)
    }

    fn end_group(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let mut chunks = Vec::with_capacity(self.columns.len());
        for column in 0..self.columns.len() {
            let page = self.columns[column].take_page();
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&page)?;
            let stored = encoder.finish()?;
            let header = page_header(page.len(), stored.len(), rows);
            let offset = self.written;
            self.write(&header)?;
            self.write(&stored)?;
            chunks.push(Chunk {
                offset,
                values: rows,
                plain_bytes: header.len() + page.len(),
                stored_bytes: header.len() + stored.len(),
            });
        }
        self.groups.push(RowGroup { rows, chunks });
        Ok(())
    }

    /// The `FileMetaData`.
    fn footer(&self) -> Vec<u8> {
        let root = Struct::default().text(4, "rows").i32(5, self.columns.len() as i32);
        let leaf = |column: &Column| {
            let leaf = Struct::default().i32(1, column.declared.kind.physical()).i32(3, OPTIONAL);
            let leaf = leaf.text(4, &column.declared.name);
            if column.declared.kind == ColumnKind::Text { leaf.i32(6, UTF8) } else { leaf }
        };
        let schema: Vec<Struct> = [root].into_iter().chain(self.columns.iter().map(leaf)).collect();
        let rows: usize = self.groups.iter().map(|group| group.rows).sum();
        let groups: Vec<Struct> = self.groups.iter().map(|group| self.row_group(group)).collect();
        let units = Struct::default().text(1, "gansweep.units").text(2, &self.units());
        Struct::default()
            .i32(1, 1)
            .structs(2, &schema)
            .i64(3, rows as i64)
            .structs(4, &groups)
            .structs(5, &[units])
            .text(6, concat!("gansweep version ", env!("CARGO_PKG_VERSION")))
            .end()
    }

    fn units(&self) -> String {
        let with_unit = self.columns.iter().map(|column| &column.declared).filter(|it| !it.unit.is_empty());
        let of_columns = with_unit.map(|column| (column.name.clone(), Value::from(column.unit)));
        let of_metric = |metric: Metric| (metric.name().to_owned(), metric.declaration().unit.into());
        let metrics: Map<String, Value> = Metric::ALL.into_iter().map(of_metric).collect();
        let all = of_columns.chain([("metrics".to_owned(), metrics.into())]);
        Value::from(all.collect::<Map<String, Value>>()).to_string()
    }

    fn row_group(&self, group: &RowGroup) -> Struct {
        let chunk = |(column, chunk): (&Column, &Chunk)| {
            let metadata = Struct::default()
                .i32(1, column.declared.kind.physical())
                .i32s(2, &[PLAIN, RLE])
                .texts(3, &[&column.declared.name])
                .i32(4, GZIP)
                .i64(5, chunk.values as i64)
                .i64(6, chunk.plain_bytes as i64)
                .i64(7, chunk.stored_bytes as i64)
                .i64(9, chunk.offset as i64);
            Struct::default().i64(2, chunk.offset as i64).inner(3, metadata)
        };
        let bytes: usize = group.chunks.iter().map(|chunk| chunk.plain_bytes).sum();
        let chunks: Vec<Struct> = self.columns.iter().zip(&group.chunks).map(chunk).collect();
        Struct::default().structs(1, &chunks).i64(2, bytes as i64).i64(3, group.rows as i64)
    }
}

/// The header of a data page.
fn page_header(plain: usize, stored: usize, rows: usize) -> Vec<u8> {
    let data = Struct::default().i32(1, rows as i32).i32(2, PLAIN).i32(3, RLE).i32(4, RLE);
    Struct::default().i32(1, 0).i32(2, plain as i32).i32(3, stored as i32).inner(5, data).end()
}

impl Column {
    fn add(&mut self, cell: &Cell) {
        let before = self.plain.len();
        match (self.declared.kind, cell) {
            (ColumnKind::Integer, Cell::Integer(integer)) => self.plain.extend(integer.to_le_bytes()),
            (ColumnKind::Real, Cell::Real(real)) => self.plain.extend(real.to_le_bytes()),
            (ColumnKind::Real, Cell::Integer(integer)) => self.plain.extend((*integer as f64).to_le_bytes()),
            (ColumnKind::Text, cell) if *cell != Cell::Null => {
                let text = cell.to_string();
                self.plain.extend((text.len() as u32).to_le_bytes());
                self.plain.extend(text.as_bytes());
            }
            // SQLite has no other values in these columns.
            _ => {}
        }
        self.present.push(self.plain.len() > before);
    }

    /// The definition levels of the rows, 0 for a missing value, and the values.
    fn take_page(&mut self) -> Vec<u8> {
        let levels = levels(&std::mem::take(&mut self.present));
        let mut page = (levels.len() as u32).to_le_bytes().to_vec();
        page.extend(levels);
        page.append(&mut self.plain);
        page
    }
}

/// Runs of equal levels, as a length times two and a byte: the RLE half of Parquet's hybrid encoding.
fn levels(present: &[bool]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for run in present.chunk_by(|a, b| a == b) {
        leb128::append(&mut encoded, (run.len() as u64) << 1);
        encoded.push(u8::from(run[0]));
    }
    encoded
}

impl RowSink for ParquetFile<'_> {
    fn columns(&mut self, names: &[String]) -> Result<(), StoreError> {
        let column =
            |name: &String| Column { declared: type_of(name), present: Vec::new(), plain: Vec::new() };
        self.columns = names.iter().map(column).collect();
        Ok(self.write(MAGIC)?)
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), StoreError> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.add(cell);
        }
        self.rows += 1;
        if self.rows == ROWS {
            self.end_group()?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), StoreError> {
        if self.rows > 0 {
            self.end_group()?;
        }
        let footer = self.footer();
        self.write(&footer)?;
        self.write(&(footer.len() as u32).to_le_bytes())?;
        self.write(MAGIC)?;
        Ok(self.output.flush()?)
    }
}
