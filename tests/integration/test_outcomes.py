def test_smoke(project):
    project.record()
    result = project.run("-v")
    print(result.stdout.str())
    result.stdout.fnmatch_lines(["*test_step PASSED*"])
    result = project.run("-v", step_times_s=0.3)
    assert result.ret == 1
    result = project.run("-v", step_times_s=0.275)
    assert result.ret == 0
