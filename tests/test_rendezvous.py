"""Processes meet, or each that waited in vain says for whom."""

import socket
import threading

import pytest
from loopback import free_address

from vaelib.rendezvous import await_leaving, meet


def meet_in_threads(address, processes, present, patience):
    """What `meet` raised in each of the processes that are there, by number."""
    raised = {}

    def come(process):
        try:
            for connection in meet(address, processes, process, patience):
                connection.close()
        except ConnectionError as error:
            raised[process] = str(error)

    threads = [threading.Thread(target=come, args=(process,)) for process in present]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_all_go_on_once_all_have_come():
    assert meet_in_threads(free_address(), 3, (2, 0, 1), patience=30) == {}


def test_the_first_leaves_once_the_others_have_or_after_its_patience():
    ours, others = zip(*(socket.socketpair() for _ in range(2)), strict=True)
    waiting = threading.Thread(target=await_leaving, args=(ours, 30))
    waiting.start()
    others[0].close()
    waiting.join(0.3)
    assert waiting.is_alive()
    others[1].close()
    waiting.join(20)
    assert not waiting.is_alive()
    ours, other = socket.socketpair()
    await_leaving([ours], patience=0.2)
    other.close()


def test_who_did_not_come_is_named():
    address = free_address()
    raised = meet_in_threads(address, 3, (0, 2), patience=1)
    assert raised.keys() == {0, 2}
    assert f"of 3 processes, [1] did not come to {address} in time; start all" in raised[0]
    assert "process 2 did not meet the others" in raised[2]


def test_a_first_process_that_never_comes_is_named():
    with pytest.raises(ConnectionError, match=r"process 1 did not meet .* that all of them reach"):
        meet(free_address(), 2, 1, patience=0.5)


def test_an_address_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=f"can not listen at {address}, .*; use another"):
            meet(address, 2, 0, patience=1)


def test_strangers_are_sent_away():
    address = free_address()
    raised = {}
    host = threading.Thread(target=lambda: raised.update(meet_in_threads(address, 2, (0,), patience=30)))
    host.start()
    name, port = address.split(":")
    while True:
        try:
            stranger = socket.create_connection((name, int(port)))
            break
        except OSError:
            continue
    with stranger:
        stranger.sendall(b"GET ")
        assert stranger.recv(1) == b""
    (connection,) = meet(address, 2, 1, patience=30)
    connection.close()
    host.join()
    assert raised == {}
