def test_livez_answers(client):
    assert client.get("/livez").status_code == 200
