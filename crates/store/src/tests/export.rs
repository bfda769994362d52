//! CSV and JSON lines.

use std::io::{self, Write};

use gansweep_protocol::Metric;

use super::support::{Fixture, sweep};
use crate::{
    Reader, StoreError,
    export::{self, Entity},
};

fn text(write: impl FnOnce(&mut dyn Write) -> Result<(), StoreError>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn csv(reader: &Reader, sql: &str) -> String {
    text(|output| export::csv(reader, sql, output))
}

#[test]
fn no_column_of_a_json_line_is_lost() {
    let fixture = Fixture::new();
    for (sql, line) in [
        ("SELECT 1 AS a, 2 AS a_2, 3 AS a", r#"{"a":1,"a_2":2,"a_3":3}"#),
        ("SELECT 1 AS a, 2 AS a, 3 AS a, 4 AS a_2", r#"{"a":1,"a_3":2,"a_4":3,"a_2":4}"#),
        ("SELECT 1 AS a_2, 2 AS a_2, 3 AS a, 4 AS a", r#"{"a_2":1,"a_2_2":2,"a":3,"a_3":4}"#),
    ] {
        assert_eq!(jsonl(&fixture.reader(), sql), format!("{line}\n"));
    }
}

fn jsonl(reader: &Reader, sql: &str) -> String {
    text(|output| export::jsonl(reader, sql, output))
}

const EVERY_KIND: &str =
    "SELECT 1 AS a, 1e-7 AS b, 'say \"hi\", you' AS c, NULL AS d, x'0a' AS e, 9e999 AS f, 2 AS a";

#[test]
fn csv_quotes_what_needs_it_and_leaves_missing_values_empty() {
    let fixture = Fixture::new();
    assert_eq!(
        csv(&fixture.reader(), EVERY_KIND),
        "a,b,c,d,e,f,a\n1,1e-7,\"say \"\"hi\"\", you\",,0a,inf,2\n"
    );
}

#[test]
fn json_lines_are_one_object_per_row() {
    let fixture = Fixture::new();
    assert_eq!(
        jsonl(&fixture.reader(), EVERY_KIND),
        "{\"a\":1,\"b\":1e-7,\"c\":\"say \\\"hi\\\", you\",\"d\":null,\"e\":\"0a\",\"f\":\"inf\",\"a_2\":2}\n"
    );
}

#[test]
fn every_entity_is_exported_whole_or_by_sweep() {
    let (mut fixture, mut script) = Fixture::begun();
    let values = [(Metric::DLoss, 1.5), (Metric::GLoss, f64::NAN)];
    fixture.store.record(&script.started(0).points(10, &values).take()).unwrap();
    fixture.store.register_sweep(&sweep("it's empty"), &[]).unwrap();
    let reader = fixture.reader();
    for (entity, rows) in Entity::ALL.into_iter().zip([2, 4, 2, 2, 1]) {
        assert_eq!(Entity::from_name(entity.name()), Some(entity));
        let lines = |sweep| csv(&reader, &entity.sql(sweep)).lines().count() - 1;
        assert_eq!(lines(None), rows, "{entity:?}");
        assert_eq!(lines(Some("it's empty")), usize::from(entity == Entity::Sweeps), "{entity:?}");
        assert_eq!(jsonl(&reader, &entity.sql(Some("lr"))).lines().count(), rows.min(lines(Some("lr"))));
    }
    let id = &fixture.runs[0];
    let expected =
        format!("run,metric,step,value,kind,attempt\n{id},d_loss,10,1.5,finite,1\n{id},g_loss,10,,nan,1\n");
    assert_eq!(csv(&reader, &Entity::Points.sql(Some("lr"))), expected);
}

#[test]
fn points_are_exported_without_being_sorted() {
    let fixture = Fixture::new();
    for sweep in [None, Some("lr")] {
        let plan =
            fixture.reader().query(&format!("EXPLAIN QUERY PLAN {}", Entity::Points.sql(sweep))).unwrap();
        assert!(!plan.to_string().contains("B-TREE FOR ORDER BY"), "{plan}");
    }
}

#[test]
fn an_output_that_cannot_be_written_says_so() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let fixture = Fixture::new();
    for write in [export::csv, export::jsonl] {
        let error = write(&fixture.reader(), "SELECT * FROM runs", &mut Closed).unwrap_err();
        assert!(matches!(&error, StoreError::Output(e) if e.kind() == io::ErrorKind::BrokenPipe), "{error}");
    }
}
