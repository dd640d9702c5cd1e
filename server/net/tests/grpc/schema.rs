//! `Schema`.

use retrograph_proto::v1;
use retrograph_proto::v1::schema_client::SchemaClient;
use tonic::Code;

use crate::call::{answer, line, run, with_grpc};

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_listed_in_pages_now_and_then() {
    let fixture = with_grpc(|_| {});
    let line = line(&fixture).await;
    answer(&line, run("CREATE (:C {k: 1})-[:T]->(:A), (:B)"))
        .await
        .unwrap();
    answer(
        &line,
        run("CREATE CONSTRAINT c FOR (n:A) REQUIRE n.id IS UNIQUE"),
    )
    .await
    .unwrap();
    answer(&line, run("CREATE INDEX i FOR (n:C) ON (n.k)"))
        .await
        .unwrap();
    let mut client = SchemaClient::new(line.clone());
    let mut request = v1::ListLabelsRequest {
        page_size: 2,
        ..v1::ListLabelsRequest::default()
    };
    let first = client
        .list_labels(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first.labels, ["A", "B"]);
    request.page_token = first.next_page_token;
    let second = client
        .list_labels(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (second.labels, second.next_page_token),
        (vec!["C".to_owned()], String::new())
    );
    request.page_token = "not one".to_owned();
    let status = client.list_labels(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);

    let types = client
        .list_relationship_types(v1::ListRelationshipTypesRequest::default())
        .await;
    assert_eq!(types.unwrap().into_inner().relationship_types, ["T"]);
    let keys = client
        .list_property_keys(v1::ListPropertyKeysRequest::default())
        .await;
    assert_eq!(keys.unwrap().into_inner().property_keys, ["id", "k"]);
    let indexes = client.list_indexes(v1::ListIndexesRequest::default()).await;
    let indexes = indexes.unwrap().into_inner().indexes;
    let index = indexes.iter().find(|index| index.name == "i").unwrap();
    assert_eq!(
        (&*index.kind, index.entity_type()),
        ("RANGE", v1::EntityType::Node)
    );
    assert_eq!(
        (&index.labels_or_types[..], &index.properties[..]),
        (&["C".to_owned()][..], &["k".to_owned()][..])
    );
    let constraints = client
        .list_constraints(v1::ListConstraintsRequest::default())
        .await;
    let constraints = constraints.unwrap().into_inner().constraints;
    assert_eq!(constraints.len(), 1);
    assert_eq!(
        (&*constraints[0].name, &*constraints[0].owned_index),
        ("c", "c")
    );
    // Before the first commit there was nothing.
    let past = v1::ListConstraintsRequest {
        as_of: Some(v1::AsOf {
            moment: Some(v1::as_of::Moment::Version(1)),
        }),
        ..v1::ListConstraintsRequest::default()
    };
    let past = client.list_constraints(past).await.unwrap().into_inner();
    assert!(past.constraints.is_empty());
}
